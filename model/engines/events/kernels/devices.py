"""Numba kernels of the event-driven engine: weights from crossbars into segments, and gradients back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smalti.model.engines.events.kernels.compiled import kernel
from smalti.model.engines.events.kernels.forward import Floats
from smalti.model.engines.events.kernels.lanes import Width, item, lanes_of, put
from smalti.model.engines.events.plan import Bools, Ints


@kernel
def gather(
    width: Width, row: Ints, bank: NDArray[np.int32], column: NDArray[np.int32], devices: Floats, into: Floats
) -> None:
    """Weights of segments, flat [segments * lanes], from crossbars, flat [K * R * n].

    Args:
        width: lanes of a bank.
        row: [segments] first device of the row of a segment.
        bank: [segments] bank of a segment.
        column: [banks * lanes] column of the tile, -1 where a lane holds no neuron.
        devices: of all crossbars.
        into: written.
    """
    lanes = lanes_of(width)
    for segment in range(row.size):
        first, here = item(row, segment), item(bank, segment) * lanes
        for lane in range(lanes):
            place = item(column, here + lane)
            weight = item(devices, first + place) if place >= 0 else into.dtype.type(0)
            put(into, segment * lanes + lane, weight)


@kernel
def scatter(
    width: Width,
    row: Ints,
    bank: NDArray[np.int32],
    column: NDArray[np.int32],
    learns: Bools,
    parts: Floats,
    into: Floats,
) -> None:
    """Sum gradients of segments over blocks into crossbars.

    Args:
        width, row, bank, column: as in ``gather``.
        learns: [segments * lanes] devices whose gradient is wanted.
        parts: flat [blocks, (segments + 1) * lanes].
        into: flat [K * R * n], zero where nothing learns.
    """
    lanes, size = lanes_of(width), row.size * lanes_of(width) + lanes_of(width)
    for segment in range(row.size):
        first, here = item(row, segment), item(bank, segment) * lanes
        for lane in range(lanes):
            place = segment * lanes + lane
            if item(learns, place):
                summed = item(parts, place)
                for block in range(1, parts.size // size):
                    summed += item(parts, block * size + place)
                put(into, first + item(column, here + lane), summed)
