"""What gating networks that learn nothing have in common. Knows no scores."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from smalti.model.gating.assignment import Assignment
from smalti.model.gating.densities.mixture import check_state
from smalti.model.gating.features import checked_counts, checked_labels
from smalti.model.gating.options import GatingOptions
from smalti.model.gating.protocol import Hears


class StatelessGating:
    """Keeps who serves which class and which classes there are; ``scores`` and ``class_scores`` are left to others."""

    hears: Hears = "nothing"

    def __init__(self, options: GatingOptions, features: int) -> None:
        self.options = options
        self.features = features  # F
        self.assignment = Assignment()
        self._seen: set[int] = set()

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes observed, ascending."""
        return tuple(sorted(self._seen))

    @property
    def stored_values(self) -> int:
        """The assignment: a class and an expert for each entry."""
        return 2 * len(self.assignment.expert_of)

    @property
    def adds_per_sample(self) -> int:
        """None: nothing is listened to."""
        return 0

    @property
    def multiplications_per_sample(self) -> int:
        """None."""
        return 0

    def observe(self, counts: Tensor, labels: Tensor, task: int) -> None:
        """Note which classes there are in labels [B]; counts [B, F] are only checked."""
        checked = checked_labels(labels, len(checked_counts(counts, self.features)))
        self._seen.update(int(c) for c in torch.unique(checked).tolist())

    def novelty(self, counts: Tensor) -> float:
        """0, for inputs are not looked at; inf while nothing is observed."""
        checked_counts(counts, self.features)
        return 0.0 if self._seen else math.inf

    def state_dict(self) -> dict[str, Tensor]:
        """Assignment and classes seen, int64."""
        return self.assignment.state_dict() | {"classes": torch.tensor(self.classes, dtype=torch.int64)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave; ValueError if a tensor is missing."""
        check_state(self.options.network, state, self.state_dict())
        self.assignment.load_state_dict(state)
        self._seen = {int(c) for c in state["classes"].tolist()}
