"""Which slots are free, tile by tile: of a chip that has changed, only the tiles that have are looked at again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from smalti.model.chip.fabric import Fabric


class FreeSlots:
    """Free slots of every tile of a chip, as they were when they were last asked for."""

    def __init__(self, fabric: Fabric) -> None:
        self.slots = fabric.slots
        self._shut = np.zeros((fabric.tiles, fabric.slots), dtype=np.bool_)  # slots that are not given out
        self._alive = np.zeros((fabric.tiles, fabric.slots), dtype=np.bool_)
        self._free = [self._of(tile) for tile in range(fabric.tiles)]
        self._version = -1  # of the flags that were read last

    def now(self, alive: Tensor) -> Sequence[Sequence[int]]:
        """Free slots of every tile, lowest first, to be read only.

        Args:
            alive: slots that hold a neuron [N] bool, always the same tensor; torch counts its changes in place.
        """
        if alive._version != self._version:
            self._version, flags = alive._version, alive.cpu().numpy().reshape(self._alive.shape)
            changed = np.flatnonzero((flags != self._alive).any(1)).tolist()
            self._alive[changed] = flags[changed]
            for tile in changed:
                self._free[tile] = self._of(tile)
        return self._free

    def shut(self, slots: np.ndarray) -> None:
        """Give these slots [N] bool out no more."""
        self._shut = slots.reshape(self._shut.shape)
        self._free = [self._of(tile) for tile in range(len(self._shut))]

    def _of(self, tile: int) -> list[int]:
        found: list[int] = (tile * self.slots + np.flatnonzero(~(self._alive[tile] | self._shut[tile]))).tolist()
        return found
