"""The random directions, out of a pool, whose newborns have the largest true gradient.

The gradient is that of the calibrated newborn's own spikes, || E sum_t delta S ||, not of its filtered inputs: what
GradMax's matrix stands for, without linearising.
"""

from __future__ import annotations

import numpy as np

from smalti.model.growth.newborns.proposal import Proposal, finish
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.random import random_directions
from smalti.model.growth.signal import TileSignal
from smalti.model.neuron import Dynamics


def candidates(
    signal: TileSignal, count: int, options: GrowthOptions, dynamics: Dynamics, generator: np.random.Generator
) -> Proposal:
    """The best of a pool by gradient norm. Costs the calibration of the pool; keeps the function exactly."""
    pool = finish(signal, random_directions(signal, options.pool, generator), options, dynamics)
    return pool.best(count, pool.gradient.mean(2).norm(dim=1))
