"""Who hears whom on a chip: the neurons whose spikes drive others, and all that lie upstream of some."""

from __future__ import annotations

import torch
from torch import Tensor

from smalti.model.chip.links import Links
from smalti.model.state import ChipState


class Upstream:
    """Answers for the chip as it is; what was asked is remembered while its links and devices stay as they are."""

    def __init__(self, state: ChipState, links: Links) -> None:
        self._state, self._links = state, links
        self._known: dict[bytes, Tensor] = {}  # slots -> whom they need
        self._version: object = None

    def heard_by(self, listeners: Tensor) -> Tensor:
        """Neuron slots [N] bool whose spikes drive devices of the listeners [N] bool."""
        state = self._state
        tiles, _, slots_of_tile = state.mask.shape
        columns = listeners.view(tiles, 1, slots_of_tile)
        here = torch.nonzero(columns.any(2).flatten()).flatten()  # tiles with listeners: mostly few
        sources = state.source[here.cpu()][(state.mask[here] & columns[here]).any(2).cpu()]
        slots = torch.zeros_like(listeners)
        slots[sources[(sources >= 0) & (sources < len(listeners))]] = True
        return slots

    def of(self, slots: Tensor) -> Tensor:
        """Neurons [N] bool that must run so that these slots [S] spike as they do: they, and whom they hear.

        Channels among them take no neuron.
        """
        version = self._links.version, self._state.mask._version
        if version != self._version:
            self._known, self._version = {}, version
        key = slots.cpu().numpy().tobytes()
        if key not in self._known:
            self._known[key] = self._follow(slots)
        return self._known[key].clone()

    def _follow(self, slots: Tensor) -> Tensor:
        fresh = mask = torch.zeros_like(self._state.alive)
        mask[slots[slots < len(mask)].to(mask.device)] = True
        while fresh.any():
            fresh = self.heard_by(fresh) & ~mask
            mask = mask | fresh
        return mask
