"""Growth by pairs: two newborns with the same fan-in V and opposite fan-outs Z and -Z, so that what they send cancels.

Variance transfer's initialisation (Yuan, Savarese, Maire 2023, arXiv 2306.12700): exact for any nonlinearity, a spiking
neuron too, as far as sums of floating-point numbers cancel. Both have the same gradient of the fan-out and opposite
ones of the fan-in, so that training drives them apart.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from smalti.model.growth.newborns.proposal import Proposal, finish
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.random import random_directions
from smalti.model.growth.signal import TileSignal
from smalti.model.neuron import Dynamics


def split(
    signal: TileSignal, count: int, options: GrowthOptions, dynamics: Dynamics, generator: np.random.Generator
) -> Proposal:
    """Pairs with random fan-in, calibrated, and random fan-out of the usual norm. Needs no gradient."""
    made = finish(signal, random_directions(signal, count, generator), options, dynamics, blind=True)
    drawn = torch.from_numpy(generator.normal(size=tuple(made.fan_out.shape))).to(made.fan_out)
    fan_out = drawn / drawn.norm(dim=1, keepdim=True).clamp(min=1e-30) * signal.traces.norms.fan_out
    return replace(made, fan_out=fan_out, paired=True)
