"""A chip that a net comes to: which slots are free there, and which wires and rows its faults have left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smalti.model.chip.fabric import Fabric
from smalti.model.chip.links import Links


@dataclass(frozen=True)
class Site:
    """A chip that holds no neuron."""

    links: Links  # those of the inputs, on a chip with or without faults; not to be changed
    free: Mapping[int, Sequence[int]]  # tile -> slots that may be given out, lowest first

    @staticmethod
    def whole(fabric: Fabric, channels: int) -> Site:
        """A chip without faults.

        Raises:
            FabricError: it has too few wires for the channels.
        """
        every = range(fabric.tiles)
        slots = {tile: range(tile * fabric.slots, (tile + 1) * fabric.slots) for tile in every}
        return Site(Links(fabric, channels), slots)

    @property
    def fabric(self) -> Fabric:
        """The chip's places."""
        return self.links.fabric

    @property
    def rooms(self) -> NDArray[np.int64]:
        """Free slots of every tile [K]; none of dead ones."""
        room = np.zeros(self.fabric.tiles, dtype=np.int64)
        for tile in self.fabric.live_tiles:
            room[tile] = len(self.free[tile])
        return room

    def entries(self, channels: int) -> list[list[int]]:
        """Tiles that each input channel enters by a link."""
        first = self.fabric.neurons
        return [[t for t in self.fabric.entries(c) if (first + c, t) in self.links.rows] for c in range(channels)]
