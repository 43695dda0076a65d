"""Options of what keeps old tasks while a new one is learned. Knows no method but by name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from smalti.model.option_values import settle

Sampler = Literal["balanced", "reservoir"]


@dataclass(frozen=True, kw_only=True)
class ContinualOptions:
    """A continual-learning method of the literature beside plain training (docs/baselines.md).

    Attributes:
        method: none, ewc, ewc_online, si, lwf, replay or gdumb.
        ewc_strength: weight of the penalty of ewc and ewc_online (their lambda).
        ewc_samples: most training samples of a task from which its Fisher information is measured.
        ewc_decay: share of the running Fisher information that ewc_online keeps from task to task (its gamma).
        si_strength: weight of the penalty of si (its c).
        si_damping: added to the squared move of a weight by which si divides the loss it brought (its xi).
        lwf_strength: weight of the distillation loss of lwf.
        lwf_temperature: temperature of both softmaxes in it.
        capacity: most samples in the buffer of replay and gdumb.
        sampler: which samples replay keeps: balanced (as many of each class) or reservoir (each sample so far with the
            same probability); gdumb is always balanced.
    """

    method: str = "none"
    ewc_strength: float = 100000.0
    ewc_samples: int = 256
    ewc_decay: float = 0.95
    si_strength: float = 0.1
    si_damping: float = 0.001
    lwf_strength: float = 1.0
    lwf_temperature: float = 2.0
    capacity: int = 200
    sampler: Sampler = "balanced"

    def __post_init__(self) -> None:
        settle(self, "training.continual")
        from smalti.model.continual import METHODS  # not above: that module builds on this one

        if self.method not in METHODS:
            raise ValueError(
                f"training.continual.method = {self.method!r} is unknown; give one of {', '.join(METHODS)} "
                "or add yours to smalti.model.continual.METHODS first"
            )
        for name in ("ewc_strength", "si_strength", "lwf_strength"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"training.continual.{name} = {getattr(self, name)} must be a number, 0 or more")
        for name in ("si_damping", "lwf_temperature"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"training.continual.{name} = {getattr(self, name)} must be a positive number")
        if not 0 < self.ewc_decay <= 1:
            raise ValueError(f"training.continual.ewc_decay = {self.ewc_decay} must lie above 0 and at most at 1")
        for name in ("ewc_samples", "capacity"):
            if getattr(self, name) < 1:
                raise ValueError(f"training.continual.{name} = {getattr(self, name)} must be at least 1")
