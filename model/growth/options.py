"""Options of growth: how newborns are made and how many there may be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from model.growth.upbringing import UpbringingOptions


@dataclass(frozen=True, kw_only=True)
class GrowthOptions:
    """How, when and how much the network grows.

    Attributes:
        rule: how newborns are wired: gradmax_whitened (top directions of the whitened growth signal) or random.
        when: needed grows while the loss of the task is above enough_loss; never keeps the seed expert as it is.
        seed_width: neurons that a seed expert puts into every tile on its way from the inputs to its outputs.
        reserve: slots that growth leaves free in every tile while further experiences are to come.
        births: most neurons per class of the task that are born in one round.
        candidates: candidate neurons that each invited tile sends into an auction.
        max_neurons: most hidden neurons per class of an expert, seed included; 0 sets no limit but the chip's.
        enough_loss: mean training loss in nats below which a task needs no more neurons.
        until: share of an experience's rounds in which neurons may be born; newborns need time to learn.
        target_rate: firing rate per step to which the fan-in of a newborn is calibrated.
        shortlist: most tiles that are asked for candidates; on larger chips, those that could be told most.
        new_taps: most links from other tiles that a candidate may buy to listen to, beyond the rows already there.
        ridge: added to the diagonal of the presynaptic covariance, as a share of its mean.
        probe: samples of the batch from which growth signals and bids are computed.
        retire_after: rounds that a grown neuron may stay silent before its tile retires it; 0 never retires.
        upbringing: how what has grown is trained.
    """

    rule: str = "gradmax_whitened"
    when: Literal["needed", "never"] = "needed"
    seed_width: int = 1
    reserve: int = 4
    births: int = 1
    candidates: int = 4
    max_neurons: int = 15
    enough_loss: float = 0.01
    until: float = 0.6
    target_rate: float = 0.2
    shortlist: int = 32
    new_taps: int = 2
    ridge: float = 1e-3
    probe: int = 256
    retire_after: int = 3
    upbringing: UpbringingOptions = field(default_factory=UpbringingOptions)

    def __post_init__(self) -> None:
        for name, least in (("seed_width", 1), ("births", 1), ("candidates", 1), ("shortlist", 1), ("probe", 8)):
            if getattr(self, name) < least:
                raise ValueError(f"growth.{name} = {getattr(self, name)} must be at least {least}")
        for name in ("reserve", "max_neurons", "new_taps", "retire_after", "enough_loss"):
            if getattr(self, name) < 0:
                raise ValueError(f"growth.{name} = {getattr(self, name)} must not be negative")
        for name in ("target_rate", "until"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"growth.{name} = {getattr(self, name)} must lie above 0 and at most at 1")
        if self.ridge <= 0:
            raise ValueError(f"growth.ridge = {self.ridge} must be positive")
