"""Whitened growth on the residual: what is left of the adjoints after the best change of the devices that exist.

An input current of target q that the existing devices can make, sum_e dw_qe z_e[t], needs no newborn. So the adjoints
are regressed, for each target, on the spikes that it hears already, and whitened growth sees what is left:

    r_q[t] = delta_q[t] - sum_e W_qe z_e[t],   W = argmin E sum_t r^2,   M = E sum_t r_Q[t+1] zbar_P[t]^T

After TINY (Verbockhaven et al. 2024), which projects the desired update of activations in the same way, layer by layer.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from model.growth.options import GrowthOptions
from model.growth.proposal import Proposal, finish
from model.growth.signal import TileSignal
from model.growth.whitened import whitened_directions
from model.neuron import Dynamics


def tiny(
    signal: TileSignal, count: int, options: GrowthOptions, dynamics: Dynamics, generator: np.random.Generator
) -> Proposal:
    """Newborns along the top directions of the residual. Costs a regression for each target; keeps the function."""
    left = replace(signal, moment=residual_moment(signal, options.ridge))
    return finish(signal, whitened_directions(left, count, options.ridge), options, dynamics)


def residual_moment(signal: TileSignal, ridge: float) -> Tensor:
    """M [Q, P] of the residual of the adjoints."""
    trace = _filtered(signal.drive, signal.traces.leak)[:-1]
    moment = torch.empty_like(signal.moment)
    for inputs in signal.inputs:
        left = residual(signal, inputs.places, inputs.sources, inputs.mask, ridge)[:-1]
        moment[inputs.places] = torch.einsum("tqb,tpb->qp", left, trace) / signal.samples
    return moment


def residual(signal: TileSignal, places: Tensor, sources: Tensor, mask: Tensor, ridge: float) -> Tensor:
    """Adjoints of some targets less what their own devices could do about them [T, q, B].

    Args:
        signal: of the tile.
        places: which of the targets [q].
        sources: what their tile hears [E].
        mask: which of it has a device onto which of them [q, E] bool.
        ridge: added to the diagonal of the normal equations, as a share of its mean.
    """
    wanted = signal.delta[:, places]  # [T, q, B]: step t holds the adjoint of t + 1
    heard = signal.traces.probe.drive(sources).roll(-1, 0)
    heard[-1] = 0
    power = torch.einsum("teb,tfb->ef", heard, heard)
    level = ridge * power.diagonal().mean() + 1e-12
    both = mask[:, :, None] & mask[:, None, :]
    normal = power * both + torch.diag_embed(torch.where(mask, level, 1.0).to(power))
    against = torch.einsum("tqb,teb->qe", wanted, heard) * mask
    weight = torch.linalg.solve(normal.double(), against.double()).to(wanted)
    return wanted - torch.einsum("qe,teb->tqb", weight, heard)


def _filtered(drive: Tensor, leak: float) -> Tensor:
    trace = drive.clone()
    for t in range(1, len(trace)):
        trace[t].add_(trace[t - 1], alpha=leak)
    return trace
