"""GradMax on the fan-in side, whitened: the directions that carry most gradient per unit of presynaptic variance.

With M and C of ``model.growth.signal``: SVD of M C^(-1/2); the fan-in of the k-th newborn is C^(-1/2) v_k. Zero fan-out
keeps the network's function exactly. After Evci et al. 2022 (arXiv 2201.05125), whose rule has zero fan-in instead;
a spiking neuron with zero fan-in never fires and so never learns.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from smalti.model.growth.newborns.proposal import Proposal, finish
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.signal import TileSignal
from smalti.model.neuron import Dynamics

RIDGE = 1e-3  # added to the diagonal of the presynaptic covariance, as a share of its mean


def gradmax_whitened(
    signal: TileSignal, count: int, options: GrowthOptions, dynamics: Dynamics, generator: np.random.Generator
) -> Proposal:
    """Newborns along the top singular directions. Costs one SVD [Q, P]; keeps the function exactly."""
    return finish(signal, whitened_directions(signal, count), options, dynamics)


def whitened_directions(signal: TileSignal, count: int, ridge: float = RIDGE) -> Tensor:
    """Top fan-in directions [C, P], C at most ``count`` and at most the rank of M.

    Args:
        signal: of a tile.
        count: most directions.
        ridge: added to the diagonal of the presynaptic covariance, as a share of its mean.

    Raises:
        FloatingPointError: where the growth signal is not finite.
    """
    signal.check_finite(signal.moment, signal.covariance)
    covariance = signal.covariance.double()
    size = covariance.shape[0]
    level = ridge * float(covariance.diagonal().mean()) + 1e-12
    values, vectors = torch.linalg.eigh(
        covariance + level * torch.eye(size, dtype=torch.float64, device=covariance.device)
    )
    whiten = (vectors * values.clamp(min=level).rsqrt()) @ vectors.T
    _, singular, right = torch.linalg.svd(signal.moment.double() @ whiten, full_matrices=False)
    directions: Tensor = right[: min(count, rank_of(singular, signal.moment))] @ whiten
    return directions.to(signal.drive.dtype)


def rank_of(singular: Tensor, moment: Tensor) -> int:
    """How many singular values, largest first, are more than rounding of M."""
    noise = torch.finfo(moment.dtype).eps * max(moment.shape)
    return int((singular > noise * singular[0]).sum()) if len(singular) else 0
