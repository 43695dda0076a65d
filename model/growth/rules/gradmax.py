"""Classical GradMax: fan-in zero, fan-out along the top singular directions of the growth signal.

With M of ``model.growth.signal``: the fan-out of the k-th newborn is the k-th left singular vector, scaled to the norm
usual in the network. Evci et al. 2022 (arXiv 2201.05125). A newborn without fan-in rests at V = 0, so that its gradient
is psi(-theta) M^T u with psi the surrogate: exactly zero, for ever, where the surrogate's support does not reach down
to rest. (Where gradients pass through a soft reset, the leak of M would have to be a - psi(-theta) theta instead of a:
the directions are then only nearly the best.)
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from smalti.model.growth.newborns.proposal import Proposal, propose
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.whitened import rank_of
from smalti.model.growth.signal import TileSignal
from smalti.model.neuron import SURROGATES, Dynamics, NetworkOptions


def gradmax(
    signal: TileSignal, count: int, options: GrowthOptions, dynamics: Dynamics, generator: np.random.Generator
) -> Proposal:
    """Newborns that hear every row of their tile with weight zero. Costs one SVD [Q, P]; keeps the function exactly."""
    signal.check_finite(signal.moment)
    moment = signal.moment[:, signal.present].double()
    left, singular, _ = torch.linalg.svd(moment, full_matrices=False)
    fan_out = (
        left.T[: min(count, rank_of(singular, signal.moment))].to(signal.drive.dtype) * signal.traces.norms.fan_out
    )
    fan_in = signal.drive.new_zeros(len(fan_out), len(signal.sources))
    return propose(signal, fan_in, fan_out, dynamics, signal.present.expand_as(fan_in))


def refusal(options: NetworkOptions) -> str:
    """Why classical GradMax cannot work with these neurons; empty where it can."""
    at_rest = torch.tensor([-options.threshold], dtype=torch.float64)
    slope: Tensor = SURROGATES[options.surrogate](at_rest, options)
    if float(slope) > 0:
        return ""
    return (
        "growth.rule = 'gradmax' gives newborns no fan-in, and with "
        f"network.surrogate_width = {options.surrogate_width} a neuron at rest has no gradient, so they would never "
        f"learn: make it larger than {options.threshold}, network.threshold, or take gradmax_whitened, which has no "
        "fan-out instead"
    )
