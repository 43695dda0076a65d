"""What is kept of the samples of a class, so that its density can be fitted: sums, never samples.

Up to ``MANY`` features it is the whole sum of outer products. Beyond, F x F numbers and their eigenvectors cost more
than the few directions that are asked for are worth, and a low-rank factor is kept instead: rows A with A^T A the
scatter about the mean, as in incremental principal components (Ross, Lim, Lin & Yang 2008, doi
10.1007/s11263-007-0075-7). It is exact until more than ``2 * SPARE * rank`` rows have come together; then the largest
``SPARE * rank`` are kept. The mean and the total variance stay exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from smalti.model.gating.densities.density import Fit, fit, kept_rank

MANY = 512  # features up to which the whole scatter is kept
SPARE = 4  # rows kept for each direction that is asked for
TINY = 1e-12  # of the largest eigenvalue: rounding


class Scatter(Protocol):
    """Number, mean and scatter of the samples of a class, float64."""

    count: int
    total: Tensor  # [F] sum of features

    def add(self, f: Tensor) -> None:
        """Take in features [B, F]."""

    def fit(self, rank: int) -> Fit:
        """The density with ``rank`` directions."""

    def state_dict(self) -> dict[str, Tensor]:
        """All but number and total."""

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave."""


def fresh_scatter(features: int, rank: int) -> Scatter:
    """Nothing seen yet; which kind it is depends on the number of features alone."""
    zeros = torch.zeros(features, dtype=torch.float64)
    return FullScatter(zeros) if features <= MANY else LowRankScatter(zeros, kept_rank(rank, features))


def scatter_values(features: int, rank: int) -> int:
    """Numbers that the scatter of a class holds."""
    return 1 + features + (features**2 if features <= MANY else 2 + 2 * SPARE * kept_rank(rank, features) * features)


@dataclass
class FullScatter:
    """The sum of outer products."""

    total: Tensor
    count: int = 0

    def __post_init__(self) -> None:
        self.outer = torch.zeros((len(self.total), len(self.total)), dtype=torch.float64)

    def add(self, f: Tensor) -> None:
        """Take in features [B, F]."""
        self.count += len(f)
        self.total += f.sum(0)
        self.outer.addmm_(f.T, f)

    def fit(self, rank: int) -> Fit:
        """The density with ``rank`` directions."""
        return fit(self.count, self.total, self.outer, rank)

    def state_dict(self) -> dict[str, Tensor]:
        """The sum of outer products [F, F]."""
        return {"scatters": self.outer}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave."""
        self.outer = state["scatters"].clone()


@dataclass
class LowRankScatter:
    """A factor of the scatter about the mean, of few rows."""

    total: Tensor
    rank: int
    count: int = 0
    squares: float = 0.0  # sum of squared distances from the mean, exact
    used: int = 0  # rows in use

    def __post_init__(self) -> None:
        self.rows = torch.zeros((2 * SPARE * self.rank, len(self.total)), dtype=torch.float64)

    def add(self, f: Tensor) -> None:
        """Take in features [B, F]."""
        for part in torch.split(f, max(1, SPARE * self.rank - 1)):
            self._add(part)

    def _add(self, f: Tensor) -> None:
        mean = f.mean(0)
        fresh = f - mean
        if self.count:  # the means differ: one more direction
            weight = self.count * len(f) / (self.count + len(f))
            fresh = torch.cat([fresh, weight**0.5 * (mean - self.total / self.count)[None]])
        fresh = fresh[fresh.any(1)]
        self.squares += float(fresh.square().sum())
        if self.used + len(fresh) > len(self.rows):
            self._compress()
        self.rows[self.used : self.used + len(fresh)] = fresh
        self.used += len(fresh)
        self.count += len(f)
        self.total += f.sum(0)

    def _compress(self) -> None:
        """Keep the largest half of the rows, turned so that they are orthogonal."""
        _, vectors = self._eigen()
        kept = vectors[:, : SPARE * self.rank].T @ self.rows[: self.used]
        self.used = len(kept)
        self.rows.zero_()
        self.rows[: self.used] = kept

    def _eigen(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues of the scatter, largest first, and the combinations of rows that belong to them [used, used]."""
        rows = self.rows[: self.used]
        values, vectors = torch.linalg.eigh(rows @ rows.T)
        return values.flip(0), vectors.flip(1)

    def fit(self, rank: int) -> Fit:
        """The density with ``rank`` directions; those that no sample has shown are zero, of no variance."""
        rank = kept_rank(rank, len(self.total))
        basis = torch.zeros((len(self.total), rank), dtype=torch.float64)
        values = torch.zeros(rank, dtype=torch.float64)
        if self.used:
            found, vectors = self._eigen()
            shown = int((found[:rank] > TINY * found[0]).sum())
            lengths = found[:shown].sqrt()
            basis[:, :shown] = (self.rows[: self.used].T @ vectors[:, :shown]) / lengths
            values[:shown] = found[:shown] / self.count
        return Fit(mean=self.total / self.count, basis=basis, values=values, trace=self.squares / self.count)

    def state_dict(self) -> dict[str, Tensor]:
        """The rows [2 * SPARE * rank, F], how many are in use, and the sum of squares."""
        return {
            "scatter_rows": self.rows,
            "scatter_used": torch.tensor([self.used]),
            "scatter_squares": torch.tensor([self.squares], dtype=torch.float64),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what ``state_dict`` gave."""
        self.rows, self.used = state["scatter_rows"].clone(), int(state["scatter_used"])
        self.squares = float(state["scatter_squares"])
