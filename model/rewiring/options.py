"""Options of rewiring: what is removed from the chip and moved on it between training and growth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smalti.model.options import ranges
from smalti.model.options.values import settle

Step = Literal["prune_magnitude", "prune_activity", "rewire", "swap"]


@dataclass(frozen=True, kw_only=True)
class RewiringOptions:
    """What is removed and moved in every round, after training and before growth.

    Attributes:
        steps: which of prune_magnitude, prune_activity, rewire and swap are done, always in this order; none by
            default.
        guard: training steps that a device must have taken before it may be pruned or rewired.
        magnitude: prune_magnitude removes devices whose weight is below this share of the mean of their neuron's
            fan-in.
        activity: prune_activity does the same by weight x rate of the source; devices of silent sources go too.
        rewired: share of an expert's routed links that rewire drops, weakest first, and lays elsewhere.
        shorten: what swap makes less: wires, those in use over all sides of all tiles; spikes, which are routing
            tiles crossed by spikes, and then only neurons that ran in the round move; or nothing: every swap that fits
            is made, as a control.
        proposals: pairs of neurons that swap tries in a round.
    """

    steps: tuple[Step, ...] = ()
    guard: int = 120
    magnitude: float = 0.1
    activity: float = 0.1
    rewired: float = 0.1
    shorten: Literal["wires", "spikes", "nothing"] = "wires"
    proposals: int = 200

    def __post_init__(self) -> None:
        settle(self, "growth.rewiring")
        if len(set(self.steps)) < len(self.steps):
            raise ValueError(f"growth.rewiring.steps = {self.steps} must name every step once at most")
        ranges.not_negative("growth.rewiring", self, "guard", most=ranges.EVER)
        ranges.not_negative("growth.rewiring", self, "proposals")
        ranges.share("growth.rewiring", self, "magnitude", "activity", "rewired")
