"""How an expert begins: its outputs, a seed of hidden neurons, and outputs for classes that it meets later.

A seed is grown like anything else, in a sequence of auctions: one for each distance from the output tile, farthest
first, so that every newborn can be calibrated on the spikes of those born before it. Its shape says which tiles its
chain crosses, and which links its neurons need.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from smalti.agents.auction.bids import SEED
from smalti.agents.expert import Expert
from smalti.model.chip.fabric import Fabric
from smalti.model.growth.calibrate import SAMPLES
from smalti.model.network import Network
from smalti.scheduler.growth.grower import SEED_RULE, Grower


def open_expert(
    grower: Grower,
    expert: Expert,
    task: int,
    x: Tensor,
    labels: Tensor,
    chance: Callable[[int, int], np.random.Generator],
) -> None:
    """Give birth to an expert's outputs and to its seed: a chain from the north row to the output tile.

    Args:
        grower: bears the neurons.
        expert: an expert without neurons.
        task: the task that it is founded for.
        x, labels: probe batch.
        chance: (stage, tile) -> random numbers.

    Raises:
        ValueError: where no living way leads from the inputs to the outputs.
    """
    for slot in expert.outputs:
        grower.network.links.add_local(slot)
        grower.bear(slot, expert, SEED, task, True, torch.empty(0, dtype=torch.int64), torch.empty(0), {})
    fabric = grower.network.fabric
    tiles = footprint(fabric, expert.output_tile)
    distances = sorted({fabric.distance(t, expert.output_tile) for t in tiles}, reverse=True)
    for stage, distance in enumerate(distances):
        here = {
            t: seed_links(fabric, t, tiles, expert.output_tile)
            for t in tiles
            if fabric.distance(t, expert.output_tile) == distance
        }
        probe = grower.probe(expert, x[:SAMPLES], labels[:SAMPLES])
        call = grower.call(expert, task, SEED_RULE, probe, partial(chance, stage))
        call.seed_links, call.seed_value = here, math.log(max(2, len(expert.classes)))
        grower.settle(call, grower.invite(call), len(here) * grower.options.seed_width)
    if not hears_inputs(grower.network, expert):
        row, col = fabric.position(expert.output_tile)
        raise ValueError(
            f"task {task} cannot be served: no chain of neurons leads from the inputs to its outputs in tile "
            f"({row}, {col}), for {_obstacle(grower, tiles)}; give the chip more neurons or wires, lower "
            "growth.max_neurons, or, where spikes are few, raise growth.target_rate, stream.steps or stream.gain"
        )


def extend_expert(grower: Grower, expert: Expert, task: int, classes: tuple[int, ...]) -> bool:
    """Give an expert outputs for further classes, driven from nothing on by its neurons that reach their tile.

    Returns:
        Whether its output tile had room for them.
    """
    outputs, links = grower.agent.extend(expert, classes), grower.network.links
    sources = torch.tensor([s for s in expert.neurons if (s, expert.output_tile) in links.rows], dtype=torch.int64)
    for slot in outputs:
        links.add_local(slot)
        grower.bear(slot, expert, SEED, task, True, sources, torch.zeros(len(sources)), {})
    return bool(outputs)


def _obstacle(grower: Grower, tiles: list[int]) -> str:
    """What most often kept the seeds of the round in hand from being born."""
    lost = Counter(outcome.reason for outcome in grower.outcomes if not outcome.won)
    full = [tile.tile for tile in grower.tiles() if tile.tile in tiles and not tile.free_slots]
    if lost:
        return lost.most_common(1)[0][0]
    return f"tile {grower.network.fabric.position(full[0])} is full" if full else "too few spikes come through"


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
