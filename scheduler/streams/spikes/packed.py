"""Spikes kept a bit each and spelled out where they are asked for: a 32nd of the memory of firing probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.spikes.rendered import AT_ONCE, Floats, Ints, Rendered

Bits = NDArray[np.uint8]


class Packer:
    """Takes the spikes of one sample after the other.

    Args:
        origin: what error messages begin with.
        samples: S.
        steps: T.
        channels: I.
        cure: what to do where they would take too much memory.

    Raises:
        ValueError: they would.
    """

    def __init__(self, origin: str, samples: int, steps: int, channels: int, cure: str) -> None:
        self.origin, self.cure = origin, cure
        self.steps, self.channels, self.cells = steps, channels, steps * channels
        size = samples * math.ceil(self.cells / 8)
        if size > limits.memory() // 2:
            raise ValueError(
                f"{origin}: {samples:,} samples of {steps} time steps and {channels:,} channels take "
                f"{limits.spell_bytes(size)}, a bit each, more than half of this machine's memory; {cure}"
            )
        self.bits: Bits = np.zeros((samples, math.ceil(self.cells / 8)), dtype=np.uint8)

    def put(self, sample: int, step: Ints, channel: Ints) -> None:
        """The spikes of a sample, each in a time step and on a channel; several in one cell are one."""
        cells = np.zeros(self.cells, dtype=np.bool_)
        cells[step * self.channels + channel] = True
        self.bits[sample] = np.packbits(cells)

    def fill(self, rows: slice, spikes: NDArray[np.generic]) -> None:
        """The spikes [s, T, I] of some samples, 0 or 1."""
        self.bits[rows] = np.packbits(spikes.reshape(len(spikes), -1).astype(np.bool_), axis=1)

    def moved(self, filled: int, channels: int, places: Ints) -> Packer:
        """One that goes on from this with more channels, for sensors that turn out to be larger.

        Args:
            filled: samples that have spikes by now, the first ones.
            channels: I from now on.
            places: where each channel of this is among those [I].

        Raises:
            ValueError: they would take too much memory.
        """
        packer = Packer(self.origin, len(self.bits), self.steps, channels, self.cure)
        for first in range(0, filled, AT_ONCE):
            rows = slice(first, min(first + AT_ONCE, filled))
            cells = np.unpackbits(self.bits[rows], axis=1, count=self.cells)
            wider = np.zeros((len(cells), self.steps, channels), dtype=np.bool_)
            wider[:, :, places] = cells.reshape(len(cells), self.steps, self.channels)
            packer.fill(rows, wider)
        return packer

    def spikes(self) -> Rendered:
        """All samples."""
        return Rendered(self._render, np.arange(len(self.bits)), self.steps, self.channels, spikes=True)

    def _render(self, numbers: Ints) -> Floats:
        cells = np.unpackbits(self.bits[numbers], axis=1, count=self.cells)
        return cells.reshape(len(numbers), self.steps, self.channels).astype(np.float32)


def packed(origin: str, samples: int, parts: Iterable[tuple[slice, Floats]], cure: str) -> Rendered:
    """Spikes of parts of a data set [s, T, I] with their places, packed.

    Raises:
        ValueError: they take too much memory.
    """
    packer: Packer | None = None
    for rows, part in parts:
        packer = packer or Packer(origin, samples, part.shape[1], part.shape[2], cure)
        packer.fill(rows, part)
    assert packer is not None, "there are samples"
    return packer.spikes()
