"""How far unseen samples of a class used to lie from it: the scale of novelty. Knows no gating network.

A novelty_scale is the density that a class had when it had been seen 4, 8, 16, ... times. Every later sample is
measured by its Mahalanobis distance before it is learned, so the distances are those of samples that the
novelty_scale had not seen, provided that each training sample is shown once. The distances of samples that a
density was fitted to are smaller and spread less (as are moments derived from its eigenvalues): measured by
them, unseen samples of a known class look new.

The i-th distance has weight i (i + 1): distances under early, poor novelty_scales fade.

Gating networks without such a density measure what they have (a reconstruction error, a lack of confidence) in the
same way, on samples that they have not learned yet: ``Spread``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.model.gating.densities.density import Fit, mahalanobis, noise_floor

FIRST = 4  # samples of a class before its first novelty_scale; the next ones come at each doubling
JUDGED = 16  # unseen samples of a class that must have been measured before it takes part in novelty


@dataclass(kw_only=True)
class Spread:
    """Weighted moments of the distances of unseen samples."""

    measured: int = 0  # distances measured
    sum1: float = 0.0  # weighted sum of the distances
    sum2: float = 0.0  # weighted sum of their squares

    def note(self, distance: Tensor) -> None:
        """Take in distances [B] of samples about to be learned."""
        i = torch.arange(self.measured + 1, self.measured + len(distance) + 1, dtype=torch.float64)
        weighted = i * (i + 1.0) * distance
        self.measured += len(distance)
        self.sum1 += float(weighted.sum())
        self.sum2 += float(weighted @ distance)

    def moments(self) -> tuple[float, float]:
        """Weighted mean and standard deviation of the distances measured; needs at least one."""
        n = float(self.measured)
        weight = n * (n + 1.0) * (n + 2.0) / 3.0
        mean = self.sum1 / weight
        return mean, math.sqrt(max(self.sum2 / weight - mean * mean, 1e-12))


def novelty_of(spreads: Sequence[Spread], distances: Sequence[Tensor], samples: int) -> float:
    """Batch mean of min over classes of (distance - mu) / s: about 0 for unseen samples of known classes.

    mu and s are mean and deviation of what a class's own unseen samples measured. A class takes part once ``JUDGED``
    of them have been measured; inf while no class does, so the first inputs are always new.

    Args:
        spreads: of the classes (or tasks, or experts).
        distances: of the samples [B] from each of them.
        samples: B.

    Raises:
        ValueError: there are no samples.
    """
    if not samples:
        raise ValueError("novelty of no samples is undefined; give at least one")
    least = torch.full((samples,), math.inf, dtype=torch.float64)
    for spread, distance in zip(spreads, distances, strict=True):
        if spread.measured >= JUDGED:
            mean, deviation = spread.moments()
            least = torch.minimum(least, (distance - mean) / deviation)
    return float(least.mean())


@dataclass(kw_only=True)
class NoveltyScale(Spread):
    """A density frozen for measuring, float64, and what was measured with it and its predecessors."""

    mean: Tensor  # [F]
    basis: Tensor  # [F, r]
    values: Tensor  # [r]
    floor: float = 1.0  # h of this class alone
    count: int = 0  # samples it was fitted to; 0 before the first fit

    def due(self, count: int) -> bool:
        """Whether a class seen ``count`` times should hand over a new fit."""
        return count >= max(FIRST, 2 * self.count)

    def renew(self, own: Fit, count: int, within: float) -> None:
        """Measure with this fit from now on."""
        self.mean, self.basis, self.values, self.count = own.mean, own.basis, own.values, count
        self.floor = noise_floor([own], [count], within)

    def distance(self, f: Tensor) -> Tensor:
        """Mahalanobis distances [B] of features f [B, F]."""
        return mahalanobis(f, self.mean, self.basis, self.values, self.floor)

    def measure(self, f: Tensor) -> None:
        """Note distances of samples [B, F] about to be learned; does nothing before the first fit."""
        if self.count:
            self.note(self.distance(f))
