"""Options of gating networks that learn by gradient descent. Knows no gating network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from smalti.model.option_values import settle

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
        bias_step: by how much loss_free moves a bias after every batch.
        settled: loss of unseen batches, nats, below which softmax stops learning a task; 0 never stops.
        rehearsal: samples whose counts and class softmax keeps and learns from again; 0 keeps none.
    """

    hidden: int = 16
    steps: int = 20
    learning_rate: float = 0.01
    balance: Balance = "none"
    margin: float = 100.0
    bias_step: float = 0.001
    settled: float = 0.0
    rehearsal: int = 0

    def __post_init__(self) -> None:
        settle(self, "gating.learned")
        for name, least in (("hidden", 0), ("steps", 1), ("rehearsal", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"gating.learned.{name} = {getattr(self, name)} must be at least {least}")
        for name in ("learning_rate", "margin", "bias_step"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0.0):
                raise ValueError(f"gating.learned.{name} = {getattr(self, name)} must be finite and above 0")
        if not (math.isfinite(self.settled) and self.settled >= 0.0):
            raise ValueError(f"gating.learned.settled = {self.settled} must be a number of nats, 0 or more")
