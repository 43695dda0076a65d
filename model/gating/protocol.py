"""What every gating network offers. The gating agent owns one; nothing here knows how it decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor


class GatingNetwork(Protocol):
    """Scores experts for an input and says how novel the input is.

    F = windows * I features, the counts of ``model.gating.features.spike_counts``. Counts that are
    not finite, negative or of another width raise ValueError.
    """

    @property
    def experts(self) -> tuple[int, ...]:
        """Experts known, in the order in which they were first assigned: the columns of ``scores``."""
        ...

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes observed, ascending: the columns of ``class_scores``."""
        ...

    @property
    def stored_values(self) -> int:
        """Numbers held in memory now."""
        ...

    @property
    def adds_per_sample(self) -> int:
        """Additions (a multiply-add counts once) to score one sample, without the counting of its spikes."""
        ...

    def observe(self, counts: Tensor, labels: Tensor, task: int) -> None:
        """Learn from counts [B, F] and labels [B] int of one task. Show each training sample once."""
        ...

    def assign(self, expert: int, classes: Sequence[int]) -> None:
        """Let an expert serve these classes too. ValueError if one of them has another expert."""
        ...

    def scores(self, counts: Tensor) -> Tensor:
        """log p(expert | x) [B, E], normalised over ``experts``, for counts [B, F]."""
        ...

    def class_scores(self, counts: Tensor) -> Tensor:
        """Log densities log p(x | class) [B, classes], up to a constant, for counts [B, F]."""
        ...

    def novelty(self, counts: Tensor) -> float:
        """How new counts [B, F] are: near 0 for known classes, in standard deviations; inf while none is known."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """All that is held, as tensors; ``load_state_dict`` of the same options continues bit for bit."""
        ...

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave. ValueError if it does not fit."""
        ...
