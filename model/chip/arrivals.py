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
        self._live: Tensor | None = None  # [K, R, n] 0 where nothing is delivered; None: all is
        self._version: object = None

    def of(self, values: Tensor) -> Tensor:
        """Of values of devices [K, R, n] those that arrive; the others are 0."""
        if self._links.faults is None:
            return values
        version = self._links.version, self._mask._version
        if version != self._version:
            self._live, self._version = self._find_live(self._links.faults, values.dtype), version
        return values if self._live is None else values * self._live

    def _find_live(self, faults: FaultMap, dtype: torch.dtype) -> Tensor | None:
        tiles = len(self._mask)
        live = ~torch.from_numpy(faults.slots).view(tiles, 1, -1).expand(self._mask.shape).clone()
        for source, tile in self._links.silent():
            live[tile, self._links.rows[source, tile]] = False
        live = live.to(self._mask.device)
        return live.to(dtype) if bool((self._mask & ~live).any()) else None
