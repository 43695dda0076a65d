"""How far unseen samples of a class used to lie from it: the scale of novelty. Knows no gating network.

A yardstick is the density that a class had when it had been seen 4, 8, 16, ... times. Every later sample is
measured by its Mahalanobis distance before it is learned, so the distances are those of samples that the
yardstick had not seen, provided that each training sample is shown once. The distances of samples that a
density was fitted to are smaller and spread less (as are moments derived from its eigenvalues): measured by
them, unseen samples of a known class look new.

The i-th distance has weight i (i + 1): distances under early, poor yardsticks fade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from model.gating.density import Fit, mahalanobis, noise_floor

FIRST = 4  # samples of a class before its first yardstick; the next ones come at each doubling


@dataclass(kw_only=True)
class Yardstick:
    """A density frozen for measuring, float64, and what was measured with it and its predecessors."""

    mean: Tensor  # [F]
    basis: Tensor  # [F, r]
    values: Tensor  # [r]
    floor: float = 1.0  # h of this class alone
    count: int = 0  # samples it was fitted to; 0 before the first fit
    measured: int = 0  # distances measured
    sum1: float = 0.0  # weighted sum of the distances
    sum2: float = 0.0  # weighted sum of their squares

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
        if not self.count:
            return
        i = torch.arange(self.measured + 1, self.measured + len(f) + 1, dtype=torch.float64)
        distance = self.distance(f)
        weighted = i * (i + 1.0) * distance
        self.measured += len(f)
        self.sum1 += float(weighted.sum())
        self.sum2 += float(weighted @ distance)

    def moments(self) -> tuple[float, float]:
        """Weighted mean and standard deviation of the distances measured; needs at least one."""
        n = float(self.measured)
        weight = n * (n + 1.0) * (n + 2.0) / 3.0
        mean = self.sum1 / weight
        return mean, math.sqrt(max(self.sum2 / weight - mean * mean, 1e-12))
