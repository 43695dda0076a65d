"""Random growth: Gaussian fan-in calibrated to the target rate, zero fan-out. The floor that other rules must beat."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from smalti.model.growth.newborns.proposal import Proposal, finish
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.signal import TileSignal
from smalti.model.neuron import Dynamics

EXCITATION = 0.3  # mean of the fan-in in units of its spread: purely symmetric fan-ins often cannot be made to fire


def random(
    signal: TileSignal, count: int, options: GrowthOptions, dynamics: Dynamics, generator: np.random.Generator
) -> Proposal:
    """Newborns with fan-in N(0.3, 1), then calibrated. Needs no gradient; keeps the function exactly."""
    return finish(signal, random_directions(signal, count, generator), options, dynamics, blind=True)


def random_directions(signal: TileSignal, count: int, generator: np.random.Generator) -> Tensor:
    """Fan-in directions N(0.3, 1) [C, P]."""
    drawn = generator.normal(EXCITATION, 1.0, size=(count, len(signal.sources)))
    return torch.from_numpy(drawn).to(signal.drive)
