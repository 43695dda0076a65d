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
from smalti.model.network import Network
from smalti.model.optimiser import Moments


@dataclass(frozen=True)
class Remembered:
    """A link before it is taken away."""

    source: int
    tile: int
    devices: tuple[Tensor, ...]  # its row [n] of every tensor that knows devices
    strength: float


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
            row = network.links.rows[link.source, link.tile]
            for tensor, values in zip(_storage(network, moments, known), link.devices, strict=True):
                with torch.no_grad():
                    tensor[link.tile, row] = values
            laid += 1
    return laid


def speaking(network: Network) -> Tensor:
    """Neurons that drive somebody [N] bool."""
    sources = network.state.source[network.state.mask.any(2).cpu()]
    speaks = torch.zeros(network.fabric.neurons, dtype=torch.bool)
    speaks[sources[(sources >= 0) & (sources < len(speaks))]] = True
    return speaks


def _lay(network: Network, link: Remembered) -> bool:
    if network.links.kind(link.source, link.tile) == "input":
        return network.links.relay_input(link.source, link.tile)
    offer = network.links.offer(link.source, link.tile)
    if isinstance(offer, Offer):
        network.links.lay(offer)
        return True
    return False


def _storage(network: Network, moments: Moments, known: Sequence[Tensor]) -> tuple[Tensor, ...]:
    state = network.state
    own = state.weight, state.mask, state.frozen, state.stage
    return *own, moments.first, moments.second, moments.count, *known
