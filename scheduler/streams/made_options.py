"""The options of the streams that are made. Makes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smalti.model import ranges
from smalti.model.option_values import choices, settle, shown

COGNITIVE = (
    *("fdgo", "reactgo", "delaygo", "fdanti", "reactanti", "delayanti"),
    *("dm1", "dm2", "contextdm1", "contextdm2", "multidm"),
    *("delaydm1", "delaydm2", "contextdelaydm1", "contextdelaydm2", "multidelaydm"),
    *("dmsgo", "dmsnogo", "dmcgo", "dmcnogo"),
)


@dataclass(frozen=True, kw_only=True)
class CognitiveOptions:
    """The 20 cognitive tasks (Yang et al. 2019): decisions, delays, contexts, matches.

    Attributes:
        tasks: which of them, in their order, such as fdgo delaygo dm1; empty: all 20.
        rule: told (a line of its own fires for every task) or hidden (no such lines).
        ring: neurons of each of the two rings that show directions.
        trials: training trials of a task; 256 more validate, 512 test, 256 are of a kind that is never trained.
        offset: degrees by which the rings are turned against the answers; of several, every task comes once with each.
        delays: shortest and longest delay of training, in time steps.
        coherences: by how much the stronger stimulus of a decision is stronger, and the weaker one weaker.
    """

    tasks: tuple[str, ...] = ()
    rule: Literal["told", "hidden"] = "told"
    ring: int = 16
    trials: int = 1024
    offset: tuple[float, ...] = (0.0,)
    delays: tuple[int, int] = (4, 20)
    coherences: tuple[float, ...] = (0.4, 0.6, 0.8)

    def __post_init__(self) -> None:
        settle(self, "stream.cognitive")
        problem = self._problem()
        if problem:
            raise ValueError(f"stream.cognitive.{problem}")
        ranges.at_least("stream.cognitive", self, 8, "ring", most=ranges.MOST)
        ranges.at_least("stream.cognitive", self, 1, "trials", most=ranges.MOST)

    def _problem(self) -> str:
        """The first field that is wrong, and its cure; empty if none is."""
        for task in self.tasks:
            if task not in COGNITIVE:
                return f"tasks names {shown(task)}, which is none; {choices(task, COGNITIVE)}"
        for name in ("tasks", "offset", "coherences"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                return f"{name} = {shown(list(values))} names one twice; give each once"
        if not self.offset or not all(0 <= angle < 360 for angle in self.offset):
            return f"offset = {shown(list(self.offset))} must hold angles from 0 to below 360 degrees, one at least"
        shortest, longest = self.delays
        if not 1 <= shortest <= longest <= ranges.MOST:
            return f"delays = {list(self.delays)} must be the shortest and the longest, 1 step or more, such as 4 20"
        if not self.coherences or not all(0 < coherence <= 0.8 for coherence in self.coherences):
            return f"coherences = {shown(list(self.coherences))} must be one at least, above 0 and 0.8 at most each"
        return ""
