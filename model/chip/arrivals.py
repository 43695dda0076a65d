"""What faults keep from arriving: a dead row, slot or wire delivers nothing of what its devices hold."""

from __future__ import annotations

import torch
from torch import Tensor

from smalti.model.chip.faults import FaultMap
from smalti.model.chip.links import Links


class Arrivals:
    """Tells for the devices in use now; costs nothing where no fault is met.

    Args:
        mask: devices in use [K, R, n] bool, changed in place by others.
        links: of the chip; they know which faults have come.
    """

    def __init__(self, mask: Tensor, links: Links) -> None:
        self._mask, self._links = mask, links
        self._live: Tensor | None = None  # [K, R, n] bool, of the version below
        self._hit = False  # whether any device in use is not
        self._version: object = None

    def live(self) -> Tensor | None:
        """Devices [K, R, n] bool, in use or not, from which something would arrive; None where no faults have come."""
        faults = self._links.faults
        if faults is None:
            return None
        version = self._links.version, self._mask._version
        if version != self._version:
            self._live, self._version = self._find_live(faults), version
            self._hit = bool((self._mask & ~self._live).any())
        return self._live

    def of(self, values: Tensor) -> Tensor:
        """Of values of devices in use [K, R, n] those that arrive; the others are 0."""
        live = self.live()
        return values if live is None or not self._hit else values * live

    def _find_live(self, faults: FaultMap) -> Tensor:
        tiles = len(self._mask)
        live = ~torch.from_numpy(faults.slots).view(tiles, 1, -1).expand(self._mask.shape).clone()
        for source, tile in self._links.silent():
            live[tile, self._links.rows[source, tile]] = False
        return live.to(self._mask.device)
