"""Firefly growth: a small epsilon on both sides, and a few gradient steps before the newborns are compared.

To first order in its fan-out u a newborn changes the loss by E sum_q u_q g_q, g its fan-out gradient, so that of all
fan-outs of norm epsilon the best is -epsilon E[g] / ||E[g]||; the fan-in climbs ||E[g]||, and is calibrated again.
After Wu et al. 2020 (arXiv 2102.08574), for newborns only. The function moves, the less the smaller epsilon.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import Tensor

from smalti.model.growth.newborns.climb import climb
from smalti.model.growth.newborns.proposal import Proposal, finish
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.random import random_directions
from smalti.model.growth.signal import TileSignal
from smalti.model.neuron import Dynamics

EPSILON = 0.1  # norm of the fan-out, in usual norms


def firefly(
    signal: TileSignal, count: int, options: GrowthOptions, dynamics: Dynamics, generator: np.random.Generator
) -> Proposal:
    """Newborns from calibrated random ones. Costs a simulation and a calibration of the candidates for each step."""
    start = finish(signal, random_directions(signal, count, generator), options, dynamics)
    made = climb(start, options, _strength)
    mean = made.gradient.mean(2)
    norm = mean.norm(dim=1)
    fan_out = -mean / norm.clamp(min=1e-30)[:, None] * EPSILON * signal.traces.norms.fan_out
    return replace(made, fan_out=fan_out).best(count, norm)


def _strength(gradient: Tensor) -> Tensor:
    return gradient.mean(2).square().sum(1)
