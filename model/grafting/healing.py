"""Links that lie on what is dead, laid again with their devices where the chip has room, the strongest first.

Weights are written anew, so that devices that go along cost a write each. The strength of a link is the sum of its
absolute weights: what it can do at most to the membranes behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.model.chip.links import Offer
from smalti.model.chip.routes import input_path
from smalti.model.network import Network
from smalti.model.optimiser import Moments


@dataclass(frozen=True)
class Remembered:
    """A link before it is taken away."""

    source: int
    tile: int
    devices: tuple[Tensor, ...]  # its row [n] of every tensor that knows devices
    strength: float

    @property
    def mask(self) -> Tensor:
        """Columns that it drove [n] bool."""
        return self.devices[1]


def remember(
    network: Network, links: Sequence[tuple[int, int]], moments: Moments, known: Sequence[Tensor] = ()
) -> list[Remembered]:
    """Links (source, tile) that drive somebody, with their devices, the strongest first.

    Args:
        network, moments: of the chip.
        links: which.
        known: what else is known of devices, [K, R, n] each.
    """
    found = []
    for source, tile in links:
        row = network.links.rows[source, tile]
        if bool(network.state.mask[tile, row].any()):
            devices = tuple(tensor[tile, row].detach().clone() for tensor in _storage(network, moments, known))
            found.append(Remembered(source, tile, devices, float(devices[0].abs().sum())))
    return sorted(found, key=lambda link: (-link.strength, link.source, link.tile))


def relay(network: Network, remembered: Sequence[Remembered], moments: Moments, known: Sequence[Tensor] = ()) -> int:
    """Lay links again, in this order, each with its devices, by any way that has room; how many found one.

    Arguments as for ``remember``; all but ``remembered`` are changed in place.
    """
    laid = 0
    for link in remembered:
        if _lay(network, link):
            write(network, link, torch.ones_like(link.mask), moments, known)
            laid += 1
    return laid


def write(network: Network, link: Remembered, columns: Tensor, moments: Moments, known: Sequence[Tensor] = ()) -> None:
    """Give the row of a link that lies again what is remembered of its devices in some columns [n] bool.

    Arguments as for ``remember``; all but ``link`` and ``columns`` are changed in place.
    """
    row = network.links.rows[link.source, link.tile]
    for tensor, values in zip(_storage(network, moments, known), link.devices, strict=True):
        with torch.no_grad():
            tensor[link.tile, row, columns] = values[columns]


def way(network: Network, link: Remembered) -> Offer | None:
    """How a link that lies no more could be laid again; None where there is no room."""
    links = network.links
    if links.kind(link.source, link.tile) == "input":
        path = input_path(network.fabric, link.tile)
        if links.ledger.blocked(link.source, path.ports) is not None:
            return None
        return Offer(link.source, link.tile, path, tuple(links.ledger.wires_needed(link.source, path.ports)))
    offer = links.offer(link.source, link.tile)
    return offer if isinstance(offer, Offer) else None


def speaking(network: Network) -> Tensor:
    """Neurons that drive somebody [N] bool."""
    sources = network.state.source[network.state.mask.any(2).cpu()]
    speaks = torch.zeros(network.fabric.neurons, dtype=torch.bool)
    speaks[sources[(sources >= 0) & (sources < len(speaks))]] = True
    return speaks


def _lay(network: Network, link: Remembered) -> bool:
    offer = way(network, link)
    if offer is not None:
        network.links.lay(offer)
    return offer is not None


def _storage(network: Network, moments: Moments, known: Sequence[Tensor]) -> tuple[Tensor, ...]:
    state = network.state
    own = state.weight, state.mask, state.frozen, state.stage
    return *own, moments.first, moments.second, moments.count, *known
