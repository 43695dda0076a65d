"""How many spikes enter a chip: sums over input spikes that are exact. Knows no chip."""

from __future__ import annotations

import torch
from torch import Tensor


def spikes_of_channels(x: Tensor) -> Tensor:
    """Input spikes of every channel [I] float64, all samples together, of x [B, T, I]."""
    return _added(x.flatten(0, 1), 0, torch.int64)


def spikes_of_samples(x: Tensor) -> Tensor:
    """Input spikes of every channel in each sample [B, I] float64, of x [B, T, I]."""
    return _added(x, 1, torch.int32)


def _added(spikes: Tensor, dim: int, whole: torch.dtype) -> Tensor:
    """Sums over a dimension, float64: of whole numbers by integers that hold them, which is exact and much faster."""
    return spikes.sum(dim, dtype=torch.float64 if spikes.is_floating_point() else whole).double()
