"""What a gating network listens to: spike counts, and the labels beside them. Knows no gating network."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor


def heard_steps(listen: int, steps: int) -> int:
    """Time steps that a gating network listens to: the first ``listen`` of ``steps``, or for 0 all of them.

    Raises:
        ValueError: the sample is shorter than that.
    """
    if listen > steps:
        raise ValueError(f"gating.listen = {listen} is longer than a sample of {steps} time steps; give 0 to {steps}")
    return listen or steps


def window_count(windows: int, steps: int, frames: int = 1) -> int:
    """Time windows in use: ``windows``, or for 0 as many as tell something.

    Of data with a time axis of their own that is five windows, or fewer where it is shorter; of data that are the same
    in every step one window up to 25 steps and five beyond.

    Args:
        windows: as asked for; 0: automatic.
        steps: time steps that are listened to.
        frames: time steps that the data bring of their own; 1: none.
    """
    if windows:
        return windows
    if frames > 1:
        return min(5, frames, steps)
    return 1 if steps <= 25 else 5


def spike_counts(x: Tensor, windows: int) -> Tensor:
    """Spikes per input channel in each of several consecutive time windows, as equal in length as T allows.

    Args:
        x: input spikes [B, T, I].
        windows: number of time windows, 1 to T.

    Returns:
        Counts [B, windows * I] float32; feature w * I + i counts channel i in window w.

    Raises:
        ValueError: ``x`` is not [B, T, I] or has fewer steps than windows.
    """
    if x.ndim != 3:
        raise ValueError(f"input spikes have shape {tuple(x.shape)}; give [B, T, I]")
    steps = x.shape[1]
    if not 1 <= windows <= steps:
        raise ValueError(f"gating.windows = {windows} must be from 1 to the number of time steps, {steps}")
    edges = [w * steps // windows for w in range(windows + 1)]
    return torch.cat([x[:, a:b].sum(dim=1, dtype=torch.float32) for a, b in pairwise(edges)], dim=1)


def checked_counts(counts: Tensor, features: int) -> Tensor:
    """Counts [B, F] as float64 on the CPU.

    Raises:
        ValueError: another shape than [B, ``features``], or values that are negative, infinite or nan.
    """
    if counts.ndim != 2 or counts.shape[1] != features:
        raise ValueError(f"counts have shape {tuple(counts.shape)}; the gating network takes [B, {features}]")
    checked = counts.detach().to("cpu", torch.float64)
    if not bool((torch.isfinite(checked) & (checked >= 0.0)).all()):
        raise ValueError("counts hold negative, infinite or nan values; give numbers of spikes")
    return checked


def checked_labels(labels: Tensor, samples: int) -> Tensor:
    """Labels [B] on the CPU.

    Raises:
        ValueError: they are not one whole number, 0 or more, for each of the ``samples``.
    """
    if labels.shape != (samples,) or labels.is_floating_point() or (samples and int(labels.min()) < 0):
        raise ValueError(
            f"labels of shape {tuple(labels.shape)} and type {labels.dtype} for {samples} samples; "
            "give one class number, 0 or more, for each sample"
        )
    return labels.to("cpu")


def like(counts: Tensor, values: Tensor) -> Tensor:
    """Values in the float type of the counts (float32 for whole numbers) and on their device."""
    return values.to(counts.device, counts.dtype if counts.is_floating_point() else torch.float32)


def checked_features(features: int) -> int:
    """A number of features that a gating network can listen to; ValueError for none."""
    if features < 1:
        raise ValueError(f"a gating network of {features} features hears nothing; give at least 1")
    return features
