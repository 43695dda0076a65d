"""Options of a gate of several stages. Knows no gating network but by name."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from smalti.model.options import ranges
from smalti.model.options.values import settle, shown


@dataclass(frozen=True, kw_only=True)
class StageOptions:
    """Gates that are asked one after another, each only where the one before is not sure (network staged).

    Attributes:
        networks: gating networks by name, the cheapest first: gaussian, lda or prototype, each as often as wanted, and
            crossbar as the first.
        heard: windows of gating.windows, from the beginning of a sample, that each of them hears, never fewer than the
            one before; with none, all of them hear all. A stage that is sure answers without waiting for the rest.
        merged: add up the windows that a stage hears to one; for data that are the same in every step.
        classes: the most probable classes of one stage that the next one tells apart; 0: all.
        margin: nats between the two most probable classes from which on a stage is sure; 0: chosen by the validation
            samples of every task when it has ended, so that no more of them are wrong than if all stages were asked.
    """

    networks: tuple[str, ...] = ("lda", "gaussian")
    heard: tuple[int, ...] = ()
    merged: bool = False
    classes: int = 3
    margin: float = 0.0

    def __post_init__(self) -> None:
        settle(self, "gating.stages")
        ranges.not_negative("gating.stages", self, "classes")
        ranges.weight("gating.stages", self, "margin")
        if not self.networks:
            raise ValueError("gating.stages.networks = () leaves nobody to ask; name one gating network at least")
        if not self.heard:
            return
        if len(self.heard) != len(self.networks):
            raise ValueError(
                f"gating.stages.heard = {shown(self.heard)} must have a number for each of the {len(self.networks)} "
                "gating.stages.networks, or none"
            )
        if self.heard[0] < 1 or any(later < earlier for earlier, later in pairwise(self.heard)):
            raise ValueError(
                f"gating.stages.heard = {shown(self.heard)} must be at least 1 and never fall: what was heard is known"
            )
