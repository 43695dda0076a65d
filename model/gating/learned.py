"""Options of gating networks that learn by gradient descent. Knows no gating network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smalti.model.options import ranges
from smalti.model.options.values import settle

Balance = Literal["none", "eigen", "loss_free"]


@dataclass(frozen=True, kw_only=True)
class LearnedGateOptions:
    """How the gating networks softmax and autoencoder learn; the others do not look here.

    Attributes:
        hidden: hidden units; 0 makes the softmax gate linear, an autoencoder needs at least 1.
        steps: gradient steps on every batch that the gating network is shown.
        learning_rate: of Adam.
        balance: what keeps the experts of softmax even: none, eigen (too much used ones are shut for a batch) or
            loss_free (a bias each).
        margin: samples by which an expert's gate total may exceed the mean before eigen shuts it.
        rehearsal: samples whose counts and class softmax keeps and learns from again; 0 keeps none.
    """

    hidden: int = 16
    steps: int = 20
    learning_rate: float = 0.01
    balance: Balance = "none"
    margin: float = 100.0
    rehearsal: int = 0

    def __post_init__(self) -> None:
        settle(self, "gating.learned")
        ranges.not_negative("gating.learned", self, "hidden", most=10_000)
        ranges.not_negative("gating.learned", self, "rehearsal")
        ranges.at_least("gating.learned", self, 1, "steps")
        ranges.positive("gating.learned", self, "learning_rate", most=1000)
        ranges.positive("gating.learned", self, "margin")
