"""Interns: every candidate is trained for a few steps before it bids, and bids what it has shown.

All candidates of a tile practise at once on every second sample of the probe, against the adjoints of the frozen
network: their fan-ins climb the decrease of the loss that their gradient predicts (``model.growth.value``). What they
bid is the decrease predicted on the other samples, whose adjoints have not shaped them. Fan-out zero, so the network
does not change.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from model.growth.climb import climb
from model.growth.options import GrowthOptions
from model.growth.proposal import Proposal, every_target, finish
from model.growth.random import random_directions
from model.growth.signal import TileSignal
from model.growth.value import predicted_decrease
from model.neuron import Dynamics


def intern(
    signal: TileSignal, count: int, options: GrowthOptions, dynamics: Dynamics, generator: np.random.Generator
) -> Proposal:
    """Newborns that have practised. Costs as many simulations of a pool of candidates as there are steps."""
    start = finish(signal, random_directions(signal, options.pool, generator), options, dynamics, seen=True)
    loss = signal.loss[::2]

    def shown(gradient: Tensor) -> Tensor:
        return predicted_decrease(gradient, loss)

    drive, delta = signal.drive[:, :, ::2], signal.delta[:, :, ::2]
    fan_in = climb(start.fan_in, drive, delta, dynamics, shown, options.practice, options.practice_length)
    made = finish(signal, fan_in, options, dynamics, seen=True)
    return made.best(count, made.decrease(every_target(signal)))
