"""Spikes that are asked for again and again: drawn once, and kept a bit each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

MOST = 1 << 26  # bytes kept at once

Spikes = NDArray[np.uint8]


class Kept:
    """Spikes by what they were drawn from; where they take too much memory, the oldest go.

    Args:
        most: bytes that may be kept.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most, self.size = most, 0
        self._packed: dict[tuple[int, ...], tuple[Spikes, tuple[int, ...]]] = {}

    def __call__(self, key: tuple[int, ...], draw: Callable[[], Spikes]) -> Spikes:
        """The spikes of a key, as an array of their own: zeros and ones."""
        if key in self._packed:
            packed, shape = self._packed[key]
            return np.unpackbits(packed, count=int(np.prod(shape))).reshape(shape)
        spikes = draw()
        packed = np.packbits(spikes)
        if packed.nbytes <= self.most:
            self._packed[key], self.size = (packed, spikes.shape), self.size + packed.nbytes
        while self.size > self.most:
            oldest, _ = self._packed.pop(next(iter(self._packed)))
            self.size -= oldest.nbytes
        return spikes
