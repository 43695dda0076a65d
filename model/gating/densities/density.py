"""Low-rank Gaussian densities from sufficient statistics. Knows no classes, experts or tasks.

Covariance of a class: its r largest eigenpairs (lambda, V), and one variance h in all other directions, as in
probabilistic principal component analysis (Tipping & Bishop 1999) with a shrunk h. With t = V^T (f - m),

    Mahalanobis  M(f) = sum t^2 / lambda' + (|f - m|^2 - |t|^2) / h,        lambda' = max(lambda, h)
    log density       = -1/2 [ M(f) + sum log(lambda' / h) ] + a constant of all densities with this h
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import ReferenceType, ref

import torch
from torch import Tensor

FLOOR = 0.01
"""Least variance believed: a twenty-fifth of the variance 1/4 of the square root of a Poisson count."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Mean and largest eigenpairs of one class, float64."""

    mean: Tensor  # [F]
    basis: Tensor  # [F, r] orthonormal columns
    values: Tensor  # [r] eigenvalues, largest first, not negative
    trace: float  # total variance


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What one density says of samples, float64: the same for every common variance h that separates its directions.

    M(f) = beyond / h + along. Terms do not keep a fit alive that is out of date.
    """

    fit: ReferenceType[Fit]
    wide: int  # directions of a variance above h
    along: Tensor  # [B] sum of t^2 / lambda over these
    beyond: Tensor  # [B] |f - m|^2 - |t|^2

    @property
    def bytes(self) -> int:
        """Memory that they take."""
        return self.along.nbytes + self.beyond.nbytes


def terms(f: Tensor, fit: Fit, wide: int) -> Terms:
    """Terms of features f [B, F]."""
    z = f - fit.mean
    squared = (z @ fit.basis[:, :wide]).square()
    beyond = z.square().sum(1) - squared.sum(1)
    return Terms(fit=ref(fit), wide=wide, along=(squared / fit.values[:wide]).sum(1), beyond=beyond)


def kept_rank(rank: int, features: int) -> int:
    """Eigenpairs kept: ``rank``, but at most half of the features."""
    return min(rank, features // 2)


def fit(count: int, total: Tensor, scatter: Tensor, rank: int) -> Fit:
    """Mean and eigenpairs from a class's number of samples, sum [F] and sum of outer products [F, F]."""
    mean = total / count
    covariance = scatter / count - torch.outer(mean, mean)
    first = len(mean) - kept_rank(rank, len(mean))
    values, basis = torch.linalg.eigh(covariance)  # ascending
    return Fit(
        mean=mean,
        basis=basis[:, first:].flip(1).contiguous(),
        values=values[first:].flip(0).clamp_min(0.0),
        trace=max(float(covariance.diagonal().sum()), 0.0),
    )


def noise_floor(fits: Sequence[Fit], counts: Sequence[int], within: float) -> float:
    """Common variance h beyond the kept directions, at least ``FLOOR``.

    h = within * mean (trace - sum lambda) / (F - r) + (1 - within) * mean trace / F, the means over classes
    weighted by their degrees of freedom: a class of one sample, which shows no variance, has no say.
    """
    features, rank = fits[0].basis.shape
    freedom = max(sum(n - 1 for n in counts), 1)
    h = 0.0
    for f, n in zip(fits, counts, strict=True):
        beyond = max(f.trace - float(f.values.sum()), 0.0) / (features - rank)
        h += (within * beyond + (1.0 - within) * f.trace / features) * (n - 1) / freedom
    return max(h, FLOOR)


def mahalanobis(f: Tensor, mean: Tensor, basis: Tensor, values: Tensor, floor: float) -> Tensor:
    """M(f) [B] of features f [B, F] under one density with common variance ``floor`` (h)."""
    z = f - mean
    return z.square().sum(1) / floor - (z @ basis).square() @ (1.0 / floor - 1.0 / values.clamp_min(floor))
