"""Options of what keeps old tasks while a new one is learned. Knows no method but by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smalti.model.options import ranges
from smalti.model.options.values import settle

Sampler = Literal["balanced", "reservoir"]


@dataclass(frozen=True, kw_only=True)
class ContinualOptions:
    """A continual-learning method of the literature beside plain training (docs/baselines.md).

    Attributes:
        method: none, ewc, ewc_online, si, lwf, hlop, replay or gdumb.
        ewc_strength: weight of the penalty of ewc and ewc_online (their lambda).
        ewc_samples: most training samples of a task from which its Fisher information is measured.
        ewc_decay: share of the running Fisher information that ewc_online keeps from task to task (its gamma).
        si_strength: weight of the penalty of si (its c).
        lwf_strength: weight of the distillation loss of lwf.
        lwf_temperature: temperature of both softmaxes in it.
        hlop_share: share of the variance of old presynaptic traces that steps of hlop leave alone.
        hlop_samples: most training samples of a task from which it is measured.
        capacity: most samples in the buffer of replay and gdumb.
        sampler: which samples replay keeps: balanced (as many of each class) or reservoir (each sample so far with the
            same probability); gdumb is always balanced.
    """

    method: str = "none"
    ewc_strength: float = 100000.0
    ewc_samples: int = 256
    ewc_decay: float = 0.95
    si_strength: float = 0.1
    lwf_strength: float = 1.0
    lwf_temperature: float = 2.0
    hlop_share: float = 0.9
    hlop_samples: int = 256
    capacity: int = 200
    sampler: Sampler = "balanced"

    def __post_init__(self) -> None:
        settle(self, "training.continual")
        section = "training.continual"
        ranges.weight(section, self, "ewc_strength", "si_strength", "lwf_strength")
        ranges.positive(section, self, "lwf_temperature")
        ranges.share_above_0(section, self, "ewc_decay", "hlop_share")
        ranges.at_least(section, self, 1, "ewc_samples", "hlop_samples", "capacity")
