"""The shape of a seed expert: which tiles its chain crosses, which links its neurons need, whether it holds."""

from __future__ import annotations

import math

import torch

from smalti.agents.expert import Expert
from smalti.model.chip.fabric import Fabric
from smalti.model.network import Network


def footprint(fabric: Fabric, output_tile: int) -> list[int]:
    """Tiles of a seed expert: the whole north row, narrowing towards the output tile in the south row."""
    last, width = fabric.options.rows - 1, fabric.options.cols - 1
    home = fabric.position(output_tile)[1]
    chosen = []
    for tile in fabric.live_tiles:
        row, col = fabric.position(tile)
        radius = math.ceil(width * (last - row) / last) if last else width
        if tile == output_tile or (row < last and (row == 0 or abs(col - home) <= radius)) or last == 0:
            chosen.append(tile)
    return chosen


def seed_links(
    fabric: Fabric, tile: int, tiles: list[int], output_tile: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Tiles that a seed neuron must reach (one nearer to the outputs) and those it would like to reach.

    Neighbours in the footprint come first; where dead tiles leave none nearer, the nearest tile farther along.
    """
    if tile == output_tile:
        return (), ()
    here = fabric.distance(tile, output_tile)
    near = [t for t in fabric.neighbours(tile) if t in tiles]
    nearer = [t for t in near if fabric.distance(t, output_tile) < here]
    if not nearer:
        ahead = [t for t in tiles if fabric.distance(t, output_tile) < here]
        nearer = sorted(ahead, key=lambda t: (fabric.distance(tile, t), t))[:1]
    south_first = sorted(nearer, key=lambda t: -fabric.position(t)[0])
    needed = south_first[:1]
    return tuple(needed), tuple(t for t in near if t not in needed)


def hears_inputs(network: Network, expert: Expert) -> bool:
    """Whether a living chain of devices leads from some input to every output."""
    state, fabric = network.state, network.fabric
    reached = torch.zeros(fabric.neurons + network.channels + 1, dtype=torch.bool)
    reached[fabric.neurons : -1] = True
    mask, source = state.mask.cpu(), state.source
    for _ in range(fabric.tiles + 1):
        rows = reached[source]  # free rows read the last entry, which stays silent
        reached[: fabric.neurons] |= (mask & rows[:, :, None]).any(1).flatten() & state.alive.cpu()
    return bool(reached[list(expert.outputs)].all())
