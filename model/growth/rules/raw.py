"""Random growth as most papers' baselines have it: both sides drawn, nothing calibrated. For comparisons only.

A newborn fires as it happens to, and moves its targets at once.
"""

from __future__ import annotations

import numpy as np
import torch

from smalti.model.growth.newborns.proposal import Proposal, drop_weak_taps, propose
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.signal import TileSignal
from smalti.model.neuron import Dynamics


def random_raw(
    signal: TileSignal, count: int, options: GrowthOptions, dynamics: Dynamics, generator: np.random.Generator
) -> Proposal:
    """Fan-in and fan-out N(0, 1), scaled to the norms usual in the network."""
    return _scaled(signal, dynamics, *(generator.normal(size=shape) for shape in _shapes(signal, count)))


def random_uniform(
    signal: TileSignal, count: int, options: GrowthOptions, dynamics: Dynamics, generator: np.random.Generator
) -> Proposal:
    """Fan-in and fan-out U[0, 1), scaled to the norms usual in the network.

    All positive, as the random baseline in the code published with GradMax (Evci et al. 2022, arXiv 2201.05125) draws.
    """
    return _scaled(signal, dynamics, *(generator.uniform(size=shape) for shape in _shapes(signal, count)))


def _shapes(signal: TileSignal, count: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return (count, len(signal.sources)), (count, len(signal.targets))


def _scaled(signal: TileSignal, dynamics: Dynamics, fan_in: np.ndarray, fan_out: np.ndarray) -> Proposal:
    norms = signal.traces.norms
    into = drop_weak_taps(signal, torch.from_numpy(fan_in).to(signal.drive))
    out = torch.from_numpy(fan_out).to(signal.drive)
    into, out = (w / w.norm(dim=1, keepdim=True).clamp(min=1e-30) for w in (into, out))
    return propose(signal, into * norms.fan_in, out * norms.fan_out, dynamics)
