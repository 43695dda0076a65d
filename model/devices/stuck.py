"""Which devices are stuck, from the seed of the run and their place alone: a chip has its faults before it is used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ON, OFF, SOUND = 1, -1, 0
GOLDEN, FIRST, SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def stuck(seed: int, places: Tensor, on: float, off: float) -> Tensor:
    """Whether the two devices of pairs are stuck [2, D] int8: ``ON``, ``OFF`` or ``SOUND``.

    Args:
        seed: of the run.
        places: of the pairs, in the crossbars laid flat [D] int64.
        on, off: shares of devices.
    """
    chance = _uniform(seed, places.cpu().numpy())
    flags = np.where(chance < on, ON, np.where(chance < on + off, OFF, SOUND)).astype(np.int8)
    return torch.from_numpy(flags).to(places.device)


def share_stuck(seed: int, tile: int, rows: Tensor, crossbars: Sequence[int], on: float, off: float) -> Tensor:
    """Share of the pairs in some rows of a tile of which a device is stuck, of each of its slots [n].

    Args:
        seed, on, off: as for ``stuck``.
        tile: the tile.
        rows: of its crossbar [P].
        crossbars: tiles, rows and slots of the chip (K, R, n).
    """
    _, all_rows, slots = crossbars
    places = (tile * all_rows + rows[:, None]) * slots + torch.arange(slots)
    found = stuck(seed, places.flatten(), on, off).view(2, len(rows), slots)
    return (found != SOUND).any(0).to(torch.float64).mean(0).nan_to_num()


def _uniform(seed: int, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Numbers in [0, 1) [2, D], a function of seed and place: SplitMix64 (Steele, Lea and Flood 2014)."""
    state = 2 * places.astype(np.uint64) + np.arange(2, dtype=np.uint64)[:, None]
    state = _mixed(state) + np.uint64(seed * int(GOLDEN) % 2**64)
    return np.ldexp((_mixed(state) >> np.uint64(11)).astype(np.float64), -53)


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = state + GOLDEN
    state = (state ^ (state >> np.uint64(30))) * FIRST
    state = (state ^ (state >> np.uint64(27))) * SECOND
    return state ^ (state >> np.uint64(31))
