"""What is on the chip already where a newborn would come to be: how far, how strong, who drives whom."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.model.network import Network


@dataclass(frozen=True)
class Norms:
    """Usual Euclidean norms of the weights of a neuron, by which rules without calibration scale their newborns."""

    fan_in: float = 1.0
    fan_out: float = 1.0


@dataclass(frozen=True)
class Inputs:
    """Devices that drive the targets in one tile already and can still learn; none from which nothing arrives."""

    places: Tensor  # [q] int: which of the signal's targets
    sources: Tensor  # [E] int: what the tile hears
    mask: Tensor  # [q, E] bool: which of it drives which of them


def usual_norms(network: Network, members: Tensor) -> Norms:
    """Mean norms of the fan-ins and fan-outs of neurons that have any; 1 where nobody has.

    Args:
        network: the network.
        members: slots of the neurons to look at.
    """
    slots, links = network.fabric.slots, network.links
    homes = torch.unique(members // slots)
    into = _squares(network, homes).sum(1)[torch.searchsorted(homes, members // slots), members % slots]
    reached = torch.tensor(sorted({tile for slot in members.tolist() for tile in links.of(slot)}), dtype=torch.int64)
    source = network.state.source[reached].flatten().clamp(min=0)  # free rows have no weight
    out = torch.zeros(network.fabric.neurons + network.channels, dtype=into.dtype)
    out.index_add_(0, source, _squares(network, reached).sum(2).flatten())
    return Norms(*(_mean_norm(each) for each in (into, out[members])))


def inputs_of(network: Network, targets: Tensor) -> tuple[Inputs, ...]:
    """Existing devices onto targets [Q] that are not frozen and from which something arrives, tile by tile."""
    state, slots, live = network.state, network.fabric.slots, network.arrivals.live()
    inputs = []
    for tile in torch.unique(targets // slots).tolist():
        places = torch.nonzero(targets // slots == tile).flatten()
        rows = torch.nonzero(state.source[tile] >= 0).flatten()
        learns = state.mask[tile] & ~state.frozen[tile]
        learns = learns if live is None else learns & live[tile]
        mask = learns[rows][:, targets[places] % slots].T
        inputs.append(Inputs(places, state.source[tile][rows], mask))
    return tuple(inputs)


def distances(network: Network, tile: int, sources: Tensor) -> Tensor:
    """Tiles from each source to a tile [P], its own counted as one; input channels are next door."""
    fabric, own = network.fabric, network.fabric.neurons
    return torch.tensor(
        [1 + fabric.distance(fabric.tile_of_slot(s), tile) if s < own else 1 for s in sources.tolist()],
        dtype=network.options.dtype,
    )


def _squares(network: Network, tiles: Tensor) -> Tensor:
    """Squared weights of these tiles [k, R, n], on the CPU."""
    return network.state.weight.detach()[tiles.to(network.device)].square().cpu()


def _mean_norm(squares: Tensor) -> float:
    squares = squares[squares > 0]
    return float(squares.sqrt().mean()) if len(squares) else 1.0
