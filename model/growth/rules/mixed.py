"""A pool of whitened and of random directions, of which those worth most are taken."""

from __future__ import annotations

import numpy as np
import torch

from smalti.model.growth.newborns.proposal import Proposal, every_target, finish
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.random import random_directions
from smalti.model.growth.rules.whitened import whitened_directions
from smalti.model.growth.signal import TileSignal
from smalti.model.neuron import Dynamics


def mixed(
    signal: TileSignal, count: int, options: GrowthOptions, dynamics: Dynamics, generator: np.random.Generator
) -> Proposal:
    """The best of a pool by what their spikes predict. Costs an SVD, calibration of the pool; keeps the function."""
    whitened = whitened_directions(signal, options.pool // 2)
    drawn = random_directions(signal, options.pool - len(whitened), generator)
    pool = finish(signal, torch.cat([whitened, drawn]), options, dynamics)
    return pool.best(count, pool.best_step(every_target(signal)))
