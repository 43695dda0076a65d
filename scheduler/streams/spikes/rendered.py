"""Firing probabilities that are made when they are asked for: as an array to read, without its memory.

Trials are often made from a few numbers each (when a stimulus comes, where, how strong), and are large when they are
spelled out in time steps and channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

AT_ONCE = 64  # samples that are spelled out together


@dataclass(frozen=True, eq=False)
class Rendered:
    """An array [S, T, I] float32 of which only the samples that are asked for are ever spelled out."""

    render: Callable[[Ints], Floats]  # numbers of samples [s] -> their firing probabilities [s, T, I]
    numbers: Ints  # [S] of the samples
    steps: int  # T
    channels: int  # I
    spikes: bool = False  # whether all values are known to be 0 or 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """As of an array."""
        return (len(self.numbers), self.steps, self.channels)

    @property
    def ndim(self) -> int:
        """As of an array."""
        return 3

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """As of an array."""
        return np.dtype(np.float32)

    @property
    def nbytes(self) -> int:
        """Bytes that all samples would take, spelled out."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.numbers)

    def __getitem__(self, rows: Any) -> Floats:
        """The samples at some rows (a slice, positions, a mask) as an array [s, T, I]; of one row [T, I]."""
        numbers = self.numbers[rows]
        x = self.render(np.atleast_1d(numbers))
        return x if np.ndim(numbers) else x[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All samples spelled out, which numpy asks for."""
        return self[:] if dtype is None else self[:].astype(dtype)

    def select(self, rows: Any) -> Rendered:
        """The samples at some rows, not spelled out."""
        return replace(self, numbers=self.numbers[rows])

    def mapped(self, change: Callable[[Floats], Floats]) -> Rendered:
        """The same samples with every part that is asked for changed; shapes stay."""
        render = self.render
        return replace(self, render=lambda numbers: change(render(numbers)), spikes=False)


def select(x: Floats | Rendered, rows: Any) -> Floats | Rendered:
    """Samples at some rows, not spelled out if they are not yet."""
    return x.select(rows) if isinstance(x, Rendered) else x[rows]


def mapped(x: Floats | Rendered, change: Callable[[Floats], Floats]) -> Floats | Rendered:
    """Samples changed in a way that keeps their shape, those that are not spelled out when they are."""
    return x.mapped(change) if isinstance(x, Rendered) else change(x)


def pieces(x: Floats | Rendered) -> Iterator[tuple[slice, Floats]]:
    """All samples with their places, a few at a time where they are rendered."""
    if not isinstance(x, Rendered):
        yield slice(0, len(x)), x
        return
    for first in range(0, len(x), AT_ONCE):
        rows = slice(first, min(first + AT_ONCE, len(x)))
        yield rows, x[rows]


def changed(x: Floats | Rendered, change: Callable[[Floats], Floats]) -> Floats:
    """All samples changed and spelled out; those that are rendered a few at a time."""
    if not isinstance(x, Rendered):
        return change(x)
    whole: Floats | None = None
    for rows, part in pieces(x):
        new = change(part)
        whole = np.empty((len(x), *new.shape[1:]), dtype=np.float32) if whole is None else whole
        whole[rows] = new
    assert whole is not None, "there are samples"
    return whole


def joined(parts: Sequence[Floats | Rendered]) -> Floats | Rendered:
    """The samples of several arrays of one T and I, one array after the other."""
    arrays = [part for part in parts if not isinstance(part, Rendered)]
    if len(arrays) == len(parts):
        return np.concatenate(arrays)
    sizes = np.array([len(part) for part in parts])
    ends = sizes.cumsum()

    def render(numbers: Ints) -> Floats:
        x = np.empty((len(numbers), *parts[0].shape[1:]), dtype=np.float32)
        owner = np.searchsorted(ends, numbers, side="right")
        for k in np.unique(owner):
            own = owner == k
            x[own] = parts[k][numbers[own] - (ends[k] - sizes[k])]
        return x

    return Rendered(render, np.arange(int(ends[-1])), parts[0].shape[1], parts[0].shape[2])
