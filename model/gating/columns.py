"""Columns of crossbars by which a gating network tells classes apart, and how they are read. Knows no classes' sums.

A column is an output unit that never fires: its membrane adds up what its devices receive, V[t] = a V[t-1] + I[t]. What
it has received in a time window is read without a switch that shuts it outside, from its sum over the window and its
membranes at both ends,

    sum of I over s <= t < e  =  (1 - a) (sum of V over s <= t < e) + a (V[e-1] - V[s-1]),        V[-1] = 0

so that columns of other windows only cost what they integrate in vain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

LARGEST = 1.0  # weight that the largest of all programmed devices gets; what that stands for is the gain


@dataclass(frozen=True)
class Column:
    """What a unit stands for."""

    slot: int
    label: int  # class
    centre: int  # of that class
    window: int


@dataclass(frozen=True)
class Programme:
    """What the devices of columns are to be."""

    weights: Tensor  # [I, P] float64: of every channel onto every column, 0 where it is not heard
    gain: float  # what a weight of 1 stands for


def program(columns: Sequence[Column], discriminants: Tensor, places: Tensor, channels: int) -> Programme:
    """Weights of columns, each of which is a part of one discriminant.

    Args:
        columns: P of them, one at least.
        discriminants: weights [F, D] of features w * I + i.
        places: discriminant of each column [P].
        channels: I.
    """
    largest = float(discriminants.abs().max())
    gain = largest / LARGEST if largest else 1.0
    by_window = discriminants.view(-1, channels, discriminants.shape[1])
    windows = torch.tensor([column.window for column in columns], dtype=torch.int64)
    return Programme(by_window[windows, :, places].T / gain, gain)


def received(membrane: Tensor, windows: Tensor, number: int, leak: float) -> Tensor:
    """What columns have received in their windows [B, P] float64.

    Args:
        membrane: of the columns at every step [T, P, B].
        windows: of each column [P].
        number: of windows in which the steps are cut, as ``features.spike_counts`` does.
        leak: share of a membrane that is left after a step.
    """
    steps = len(membrane)
    v = torch.nn.functional.pad(membrane.detach().to("cpu", torch.float64), (0, 0, 0, 0, 1, 0))  # V[-1] first
    so_far = v.cumsum(0)
    every = torch.arange(v.shape[1])
    begin, end = windows * steps // number, (windows + 1) * steps // number
    summed = so_far[end, every] - so_far[begin, every]
    return ((1.0 - leak) * summed + leak * (v[end, every] - v[begin, every])).T
