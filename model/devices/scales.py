"""The weight that the whole range of a device stands for: one for the chip, or one for each tile.

A tile has the least of s, s/2, s/4 ... that holds its weights; it never shrinks again.
"""

from __future__ import annotations

import torch
from torch import Tensor

from smalti.model.devices.options import DevicesOptions

HALVINGS = 6  # of the largest weight, for tiles whose weights are small


class Scales:
    """Scales of all tiles.

    Args:
        options: whether tiles have their own, and the largest weight.
        weight: of the crossbars [K, R, n], for their shape, precision and device.
    """

    def __init__(self, options: DevicesOptions, weight: Tensor) -> None:
        self.by_tile = options.scale == "tile"
        self._largest, self._share = options.largest_weight, options.negative_share
        tiles, rows, slots = weight.shape
        self._pairs = rows * slots  # of a tile
        smallest = self._largest / 2 ** (HALVINGS if self.by_tile else 0)
        self.of_tiles = weight.new_full((tiles,), smallest)  # [K]

    def of(self, place: Tensor) -> Tensor:
        """Of pairs at these places in the crossbars laid flat [D], or one for all."""
        return self.of_tiles[place // self._pairs] if self.by_tile else self.of_tiles[0]

    def hold(self, place: Tensor, weight: Tensor) -> bool:
        """Let tiles hold weights [D] at these places; whether a scale had to change."""
        if not self.by_tile:
            return False
        need = torch.maximum(weight, -weight / self._share)
        most = torch.zeros_like(self.of_tiles).scatter_reduce_(0, place // self._pairs, need, "amax")
        halvings = (self._largest / most).log2_().floor_().clamp_(0, HALVINGS)
        wanted = torch.maximum(self.of_tiles, self._largest / 2**halvings)
        wider = bool((wanted > self.of_tiles).any())
        self.of_tiles.copy_(wanted)
        return wider
