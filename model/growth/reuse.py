"""Options of reuse: what a new task tries on the experts that exist before it gets neurons of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smalti.model.options import ranges
from smalti.model.options.values import settle


@dataclass(frozen=True, kw_only=True)
class ReuseOptions:
    """What a new task tries before neurons are born for it.

    Attributes:
        by: none (a seed expert at once), experts (first those that there are, as they are; only where samples have
            targets) or readout (then also a read-out of its own over neurons and inputs, bought at an auction).
        grow: needed (the task gets a seed expert where validation says that reuse is not enough), always (every task,
            as long as there is room), random (with the chance ``share``, the control of needed) or never (the first
            task alone).
        share: chance of a seed expert for grow = random.
        enough: score on validation data from which on a task needs no neurons of its own.
        taps: most neurons and inputs that a read-out hears.
        pick: auction (value minus price) or random (as many as the auction would take at most, the control).
        readout_rounds: rounds of an experience over which a read-out without neurons of its own goes on learning, its
            learning rate falling to 0; no sample is shown in those after them.
        beside: whether a task that gets a seed expert hears the neurons that its read-out has bought as well.
        reopen: whether, whenever an experience has been learned, old tasks below enough have their read-outs made anew
            over all neurons that there are by then, its own beside taps others; only where that is better on
            validation data. Takes by = readout, and keeps samples of such tasks.
        samples: training samples from which read-outs are made.
        ridge: added to the diagonal of a read-out's normal equations, which are means over samples and steps.
    """

    by: Literal["none", "experts", "readout"] = "none"
    grow: Literal["needed", "always", "random", "never"] = "needed"
    share: float = 0.4
    enough: float = 0.9
    taps: int = 32
    pick: Literal["auction", "random"] = "auction"
    readout_rounds: int = 1
    beside: bool = True
    reopen: bool = False
    samples: int = 512
    ridge: float = 3e-3

    def __post_init__(self) -> None:
        settle(self, "growth.reuse")
        ranges.share_above_0("growth.reuse", self, "share")
        ranges.weight("growth.reuse", self, "enough")
        ranges.at_least("growth.reuse", self, 1, "taps", "samples")
        ranges.not_negative("growth.reuse", self, "readout_rounds")
        ranges.positive("growth.reuse", self, "ridge", most=1e6)
        if self.reopen and self.by != "readout":
            raise ValueError(
                f"growth.reuse.reopen = true makes read-outs anew, and growth.reuse.by = {self.by!r} makes none: take "
                "by readout, or reopen false"
            )
