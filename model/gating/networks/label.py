"""A gating network that is told the expert, as in task-incremental learning: the oracle, a bound for the others.

It listens to nothing. Its owner calls ``given(expert)`` before it asks for scores: the one method beyond
``GatingNetwork``, so that all other calls stay those of a gating network that must find out by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from smalti.model.gating.features import checked_counts
from smalti.model.gating.networks.stateless import StatelessGating
from smalti.model.gating.options import GatingOptions


class LabelGating(StatelessGating):
    """Scores the given expert 0 and all others -inf; implements ``GatingNetwork``."""

    def __init__(self, options: GatingOptions, features: int) -> None:
        super().__init__(options, features)
        self._given: int | None = None

    def given(self, expert: int) -> None:
        """Name the expert of the inputs that follow; ValueError if it is not known."""
        if expert not in self.assignment.experts:
            raise ValueError(f"expert {expert} is none of {list(self.assignment.experts)}; assign classes to it first")
        self._given = expert

    def scores(self, counts: Tensor) -> Tensor:
        """0 for the given expert, -inf for the others [B, E]; ValueError before ``given``."""
        return self._told(counts, self.assignment.experts)

    def class_scores(self, counts: Tensor) -> Tensor:
        """0 for classes of the given expert, -inf for others [B, classes]; ValueError before ``given``."""
        return self._told(counts, [self.assignment.expert_of.get(c) for c in self.classes])

    def state_dict(self) -> dict[str, Tensor]:
        """Assignment, classes seen and the given expert (-1 for none), int64."""
        given = -1 if self._given is None else self._given
        return super().state_dict() | {"given": torch.tensor([given], dtype=torch.int64)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave; ValueError if a tensor is missing."""
        super().load_state_dict(state)
        given = int(state["given"][0])
        self._given = None if given < 0 else given

    def _told(self, counts: Tensor, experts: Sequence[int | None]) -> Tensor:
        """0 where a column belongs to the given expert, -inf elsewhere [B, columns]."""
        checked_counts(counts, self.features)
        if self._given is None:
            raise ValueError("the label gating network does not know the expert; call given(expert) first")
        row = [0.0 if expert == self._given else -math.inf for expert in experts]
        dtype = counts.dtype if counts.is_floating_point() else torch.float32
        return torch.tensor(row, dtype=dtype, device=counts.device).repeat(len(counts), 1)
