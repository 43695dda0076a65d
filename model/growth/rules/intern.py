"""Interns: every candidate is trained for a few steps before it bids, and bids what it has shown.

All candidates of a tile practise at once on every second sample of the probe, against the adjoints of the frozen
network: their fan-ins climb the decrease of the loss that their gradient predicts (``model.growth.value``). What they
bid is the decrease predicted on the other samples, whose adjoints have not shaped them. Fan-out zero, so the network
does not change.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from smalti.model.growth.newborns.climb import climb
from smalti.model.growth.newborns.proposal import Proposal, every_target, finish
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.random import random_directions
from smalti.model.growth.signal import TileSignal
from smalti.model.growth.value import predicted_decrease
from smalti.model.neuron import Dynamics


def intern(
    signal: TileSignal, count: int, options: GrowthOptions, dynamics: Dynamics, generator: np.random.Generator
) -> Proposal:
    """Newborns that have practised. Costs a simulation and a calibration of a pool of candidates for each step."""

    def shown(gradient: Tensor) -> Tensor:
        return predicted_decrease(gradient[..., ::2], signal.loss[::2], criterion=signal.traces.criterion)

    start = finish(signal, random_directions(signal, options.pool, generator), options, dynamics, seen=True)
    made = climb(start, options, shown)
    return made.best(count, made.best_step(every_target(signal)))
