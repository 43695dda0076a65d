"""How an expert begins: its outputs, a seed of hidden neurons, and outputs for classes that it meets later.

A seed is grown like anything else, in a sequence of auctions: one for each distance from the output tile, farthest
first, so that every newborn can be calibrated on the spikes of those born before it. Its shape says which tiles its
chain crosses, and which links its neurons need.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor

from smalti.agents.auction.bids import DEAR, SEED
from smalti.agents.expert import Expert
from smalti.model.chip.fabric import NoRoomError
from smalti.model.grafting.overheard import Overheard
from smalti.model.growth.newborns.calibrate import SAMPLES
from smalti.model.growth.surroundings import Norms
from smalti.model.network import Network
from smalti.scheduler.growth.grower import SEED_RULE, Grower
from smalti.scheduler.growth.placing.room import Need, Room
from smalti.scheduler.growth.placing.seed_shape import footprint, seed_links, stages


class NoWayError(NoRoomError):
    """There is room for a seed, but it is not born; says what to do."""


def open_expert(
    grower: Grower,
    expert: Expert,
    task: int,
    x: Tensor,
    chance: Callable[[int, int], np.random.Generator],
    room: Room | None = None,
    born: bool = False,
    width: int = 0,
) -> None:
    """Give birth to an expert's outputs and to its seed: a chain from the north row to the output tile.

    Args:
        grower: bears the neurons.
        expert: an expert without neurons.
        task: the task that it is founded for.
        x: spikes of the probe batch [B, T, I].
        chance: (stage, tile) -> random numbers.
        room: what is kept for this expert and those to come, this one's first; None where nobody knows of them.
        born: whether its outputs are alive already.
        width: most neurons of the seed in a tile; 0: as configured.

    Raises:
        NoRoomError: no living way leads from the inputs to the outputs, for something is full or dead.
        NoWayError: likewise, for spikes are too few or prices too high.
    """
    room = room or Room()
    grower.keep(room.after(1))
    for slot in () if born else expert.outputs:
        grower.network.links.add_local(slot)
        grower.bear(slot, expert, SEED, task, True, torch.empty(0, dtype=torch.int64), torch.empty(0), {})
    fabric = grower.network.fabric
    everywhere = grower.options.everywhere
    tiles = footprint(fabric, expert.output_tile, everywhere)
    within, overheard = frozenset(tiles), Overheard(grower.network, x[:SAMPLES])
    running = grower.agent.growing(expert)
    for stage, there in enumerate(stages(fabric, tiles, expert.output_tile)):
        grower.give_up(room.needs[1 + stage] if 1 + stage < len(room.needs) else Need())
        here = {t: seed_links(fabric, t, within, expert.output_tile, everywhere) for t in there}
        running[expert.neurons] = True
        heard = overheard.follow(running)
        call = grower.call(expert, task, SEED_RULE, heard, partial(chance, stage), Norms())
        call.seed_links, call.seed_value = here, math.log(max(2, len(expert.classes)))
        call.options = replace(call.options, seed_width=width or call.options.seed_width)
        grower.settle(call, grower.invite(call), len(here) * call.options.seed_width)
    if not hears_inputs(grower.network, expert):
        _refuse(grower, task, expert, tiles)


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


def _refuse(grower: Grower, task: int, expert: Expert, tiles: list[int]) -> NoReturn:
    """Say what most often kept the seeds of the round in hand from being born."""
    fabric = grower.network.fabric
    where = f"in tile {fabric.position(expert.output_tile)}"
    problem = f"no chain of neurons leads from the inputs to its outputs {where}"
    lost = Counter(outcome.reason for outcome in grower.outcomes if not outcome.won)
    full = [tile.tile for tile in grower.tiles() if tile.tile in tiles and not tile.free_slots]
    reason = lost.most_common(1)[0][0] if lost else f"tile {fabric.position(full[0])} is full" if full else ""
    if reason == DEAR:
        cure = "the price of a seed is above its value: lower the prices of the section auction"
    elif not reason:
        cure = "too few spikes come through: raise growth.target_rate, stream.steps or stream.gain"
    else:
        raise NoRoomError(f"{problem}, for {reason}")
    raise NoWayError(f"task {task} cannot be served: {problem}; {cure}")


def hears_inputs(network: Network, expert: Expert) -> bool:
    """Whether a living chain of devices leads from some input to every output."""
    slots, links, mask = network.fabric.slots, network.links, network.state.mask.cpu().numpy()
    alive = network.state.alive.tolist()
    reached: set[int] = set()
    ahead = list(range(network.fabric.neurons, network.fabric.neurons + network.channels))
    while ahead:
        source = ahead.pop()
        for tile in links.of(source):
            driven = (tile * slots + np.flatnonzero(mask[tile, links.rows[source, tile]])).tolist()
            fresh = [slot for slot in driven if alive[slot] and slot not in reached]
            reached.update(fresh)
            ahead += fresh
    return reached.issuperset(expert.outputs)
