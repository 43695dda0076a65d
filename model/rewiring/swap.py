"""Swapping: two neurons exchange their slots where that shortens wires; the network's function stays the same.

Brain-inspired modular training swaps neurons so that the length of wires, weighted, falls (Liu, Gan, Tegmark 2023,
arXiv 2305.08746). Here a swap must make fewer the wires in use, or the routing tiles crossed by spikes, and fit the
chip: rows, and wires on every side of every tile; as a control, every swap that fits is made. Neurons that hear input
channels move only between tiles that all of these enter; outputs stay, for those of a task share their tile.

Rows, columns, links, frozen flags and optimiser state move along. The order in which a neuron's inputs are summed
changes, so membranes may differ by rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from smalti.model.chip.routes import Path
from smalti.model.network import Network
from smalti.model.optimiser import Moments
from smalti.model.rewiring.layout import Cost, Layout
from smalti.model.rewiring.options import RewiringOptions
from smalti.model.rewiring.scope import Changes, Scope


def swap(scope: Scope, options: RewiringOptions, generator: np.random.Generator) -> Changes:
    """Try random pairs of neurons in different tiles; each that fits and shortens what it is to shorten is kept."""
    network = scope.network
    by_spikes = options.shorten == "spikes"
    costs: dict[str, Cost] = {"wires": wires, "spikes": partial(hop_spikes, scope.rate.tolist())}
    cost = costs.get(options.shorten)
    may_move = movable(network)
    if by_spikes:
        may_move &= scope.running.cpu().numpy()
    neurons = np.flatnonzero(may_move)
    if len(neurons) < 2:
        return Changes()
    source, layout, bound = network.links.source.copy(), Layout.of(network), realms(network)
    for a, b in generator.choice(neurons, (options.proposals, 2)).tolist():
        here, there = layout.tile(a), layout.tile(b)
        if here != there and there in bound.get(a, {there}) and here in bound.get(b, {here}):
            layout.exchange(a, b, cost)
    moved = {neuron: slot for neuron, slot in enumerate(layout.place) if slot != neuron}
    if moved:
        carry(network, scope.moments, source, moved, scope.known)
    return Changes(moved=moved)


def wires(neuron: int, paths: list[Path]) -> float:
    """Wires that a neuron takes on all sides of all tiles, shared trunks once."""
    return len({port for path in paths for port in path.ports})


def hop_spikes(rate: list[float], neuron: int, paths: list[Path]) -> float:
    """Routing tiles that a neuron's spikes cross in a sample, shared trunks once; ``rate`` is in spikes per sample."""
    return rate[neuron] * len({cell for path in paths for cell in path.cells})


def movable(network: Network) -> np.ndarray:
    """Neurons that may change their tile [N] bool: alive, no output, and not bound to one by input channels."""
    movable: np.ndarray = (network.state.alive & ~network.state.output).cpu().numpy()
    movable[[neuron for neuron, tiles in realms(network).items() if len(tiles) < 2]] = False
    return movable


def realms(network: Network) -> dict[int, set[int]]:
    """Tiles in which a neuron may sit, of those that hear input channels: tiles that all of these enter."""
    links, slots, found = network.links, network.fabric.slots, dict[int, set[int]]()
    mask = network.state.mask.cpu().numpy()
    for tile, row in np.argwhere(links.source >= network.fabric.neurons).tolist():
        entered = set(links.of(int(links.source[tile, row])))
        for column in np.flatnonzero(mask[tile, row]).tolist():
            neuron = tile * slots + column
            found[neuron] = found.get(neuron, entered) & entered
    return found


def carry(
    network: Network, moments: Moments, source: np.ndarray, moved: Mapping[int, int], known: Sequence[Tensor] = ()
) -> None:
    """Bring all that belongs to a device or slot to its new place, after the links have been laid anew.

    Args:
        network, moments: changed in place.
        source: the table ``links.source`` [K, R] as it was before.
        moved: slot before -> slot now; every slot now was one before.
        known: what else is known of devices, [K, R, n] each; changed in place.
    """
    fabric, links, state = network.fabric, network.links, network.state
    was = np.arange(fabric.neurons + network.channels)  # slot now -> slot before
    was[list(moved.values())] = list(moved)
    row_before = np.full((len(was), fabric.tiles), -1, dtype=np.int64)
    tile, row = np.nonzero(source >= 0)
    row_before[source[tile, row], tile] = row
    columns = was[: fabric.neurons].reshape(fabric.tiles, 1, fabric.slots)
    tiles, columns = columns // fabric.slots, columns % fabric.slots
    rows = row_before[np.where(links.source < 0, 0, was[links.source])[:, :, None], tiles]
    there = torch.from_numpy((rows >= 0) & (links.source >= 0)[:, :, None]).to(network.device)
    place = tuple(torch.from_numpy(index).to(network.device) for index in (tiles, np.maximum(rows, 0), columns))
    before = torch.from_numpy(was[: fabric.neurons]).to(network.device)
    with torch.no_grad():
        for devices in (
            state.weight,
            state.mask,
            state.frozen,
            state.stage,
            moments.first,
            moments.second,
            moments.count,
            *known,
        ):
            devices.copy_(devices[place] * there)
        slots = (state.alive, state.output, state.kind, state.leak, state.synapse, state.strength, state.recovery)
        for values in slots:
            values.copy_(values[before])
