"""What the senses hear while somebody acts: the batch on which seeds are calibrated."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from smalti.scheduler.control.players import Policy
from smalti.scheduler.control.senses import Senses
from smalti.scheduler.control.strategy import PROBED
from smalti.scheduler.control.worlds import Episodes
from smalti.scheduler.randomness import Use, generator, number


def heard(
    episodes: Episodes, cells: int, steps: int, seed: int, when: int, policy: Policy | None = None, actions: int = 16
) -> Tensor:
    """Spikes [B, T, I] of the senses, one episode in every place, T = steps * actions; those that end stand still.

    Args:
        episodes: where to act.
        cells: channels of an observation.
        steps: of the net an observation.
        seed: of the episodes, and of actions.
        when: how often anything was heard before.
        policy: who acts; None: chance.
        actions: of each episode.
    """
    places, world = episodes.places, episodes.world
    senses, chance = Senses(world, cells), generator(seed, Use.CONTROL, PROBED, when)
    senses.begin(places)
    seen = episodes.begin([number(seed, Use.CONTROL, PROBED, when, k) % 2**31 for k in range(places)])
    player = None if policy is None else policy.players(np.tile(policy.values, (places, 1)))
    spikes, going = [], np.ones(places, dtype=np.bool_)
    for _ in range(actions):
        rates = senses.rates(seen)
        spikes += [senses.spikes(rates) for _ in range(steps)]
        outputs = chance.random((places, world.outputs), dtype=np.float32) if player is None else player.act(seen)[0]
        if len(who := np.flatnonzero(going)):
            seen[who], _, over = episodes.step(who, outputs[who])
            going[who] = ~over
    return torch.from_numpy(np.stack(spikes, axis=1).astype(np.uint8))
