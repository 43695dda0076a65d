"""A gating network that is told the expert, as in task-incremental learning; a bound for the others.

It listens to nothing. Its owner calls ``given(expert)`` before it asks for scores: the one method beyond
``GatingNetwork``, so that all other calls stay those of a gating network that must find out by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from model.gating.assignment import Assignment
from model.gating.features import checked_counts
from model.gating.options import GatingOptions


class LabelGating:
    """Scores the given expert 0 and all others -inf; implements ``GatingNetwork``."""

    def __init__(self, options: GatingOptions, features: int) -> None:
        self.options = options
        self.features = features  # F
        self._assignment = Assignment()
        self._seen: set[int] = set()
        self._given: int | None = None

    @property
    def experts(self) -> tuple[int, ...]:
        """Experts in the order in which they were first assigned."""
        return self._assignment.experts

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes observed, ascending."""
        return tuple(sorted(self._seen))

    @property
    def stored_values(self) -> int:
        """The assignment: a class and an expert for each entry."""
        return 2 * len(self._assignment.expert_of)

    @property
    def adds_per_sample(self) -> int:
        """None: the label does the work."""
        return 0

    def given(self, expert: int) -> None:
        """Name the expert of the inputs that follow; ValueError if it is not known."""
        if expert not in self.experts:
            raise ValueError(f"expert {expert} is none of {list(self.experts)}; assign classes to it first")
        self._given = expert

    def assign(self, expert: int, classes: Sequence[int]) -> None:
        """Let ``expert`` serve ``classes`` too; ValueError if one of them has another expert."""
        self._assignment.assign(expert, classes)

    def observe(self, counts: Tensor, labels: Tensor, task: int) -> None:
        """Note which classes there are in labels [B]; counts [B, F] are only checked."""
        checked_counts(counts, self.features)
        self._seen.update(int(c) for c in torch.unique(labels).tolist())

    def scores(self, counts: Tensor) -> Tensor:
        """0 for the given expert, -inf for the others [B, E]; ValueError before ``given``."""
        return self._told(counts, self.experts)

    def class_scores(self, counts: Tensor) -> Tensor:
        """0 for classes of the given expert, -inf for others [B, classes]; ValueError before ``given``."""
        return self._told(counts, [self._assignment.expert_of.get(c) for c in self.classes])

    def novelty(self, counts: Tensor) -> float:
        """0, for boundaries are told by the label; inf while nothing is observed."""
        checked_counts(counts, self.features)
        return 0.0 if self._seen else math.inf

    def state_dict(self) -> dict[str, Tensor]:
        """Assignment, classes seen and the given expert (-1 for none), int64."""
        given = -1 if self._given is None else self._given
        return self._assignment.state_dict() | {
            "classes": torch.tensor(self.classes, dtype=torch.int64),
            "given": torch.tensor([given], dtype=torch.int64),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave; ValueError if a tensor is missing."""
        missing = sorted(self.state_dict().keys() - state.keys())
        if missing:
            raise ValueError(f"the state of a label gating network lacks {', '.join(missing)}")
        self._assignment.load_state_dict(state)
        self._seen = {int(c) for c in state["classes"].tolist()}
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
