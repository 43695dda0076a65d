"""Births where a recorded run had them, instead of where bids and prices say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.scheduler.growth.grower import SEED_RULE, Grower
from smalti.scheduler.growth.placing.room import Need
from smalti.scheduler.streams.wanted import Wanted

WAVES = 8  # of candidates in which recorded births must find enough that fit


def follow(
    grower: Grower,
    expert: Expert,
    task: int,
    places: Mapping[int, int],
    x: Tensor,
    wanted: Wanted,
    chance: Callable[[int, int], np.random.Generator],
) -> None:
    """Births by the configured rule, and by ``SEED_RULE`` where it makes too few.

    Args:
        grower: bears them.
        expert, task, x, wanted, chance: as for ``Grower.grow``.
        places: tile -> births.

    Raises:
        ValueError: a tile has no room for its births, or no candidate there that fits.
    """
    grower.keep(Need())  # the recorded run has kept what it needed
    missing, before = Counter(places), grower.network.state.mask.clone()
    for wave in range(WAVES):
        rule = SEED_RULE if wave else grower.options.rule
        call = grower.call(expert, task, rule, grower.probe(expert, x, wanted), partial(chance, wave))
        call.tiles, call.unpaid = frozenset(missing), True
        call.options = grower.with_candidates(max(missing.values()))
        lots = chance(wave, grower.network.fabric.tiles)
        outcomes = grower.settle(call, grower.invite(call), missing.total(), lots, missing)
        missing -= Counter(outcome.bid.tile for outcome in outcomes if outcome.won)
        if not missing:
            grower.begin_stage_of(expert, before)
            return
    tile, births = next(iter(missing.items()))
    full = any(agent.tile == tile and not agent.free_slots for agent in grower.tiles())
    refused = (outcome.reason for outcome in outcomes if outcome.bid.tile == tile and not outcome.won)
    reason = "it is full" if full else next(refused, "no candidate there reaches its expert")
    raise ValueError(
        f"growth.birth_record: {births} recorded births for task {task} found no place in tile "
        f"{grower.network.fabric.position(tile)} ({reason}); set fabric, growth.reach and growth.retire_after to "
        "those of the recorded run, or give the chip more wires"
    )
