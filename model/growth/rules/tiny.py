"""Whitened growth on the residual: what is left of the adjoints after the best change of the devices that exist.

An input current of target q that the existing devices can make, sum_e dw_qe z_e[t], needs no newborn. So the adjoints
are regressed, for each target, on the spikes that it hears already, and whitened growth sees what is left:

    r_q[t] = delta_q[t] - sum_e W_qe z_e[t],   W = argmin E sum_t r^2,   M = E sum_t r_Q[t+1] zbar_P[t]^T

After TINY (Verbockhaven et al. 2024, arXiv 2405.19816), which projects the desired update of activations in the same
way, layer by layer.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from smalti.model.growth.newborns.proposal import Proposal, finish
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.whitened import whitened_directions
from smalti.model.growth.signal import TileSignal
from smalti.model.growth.surroundings import Inputs
from smalti.model.neuron import Dynamics

RIDGE = 1e-10  # on the diagonal of the normal equations, as a share of its mean: only so that they can be solved
ROUNDING = 1e-6  # of a target's row of M: if no more is left, nothing is


def tiny(
    signal: TileSignal, count: int, options: GrowthOptions, dynamics: Dynamics, generator: np.random.Generator
) -> Proposal:
    """Newborns along the top directions of the residual. Costs a regression for each target; keeps the function."""
    return finish(signal, residual_directions(signal, count), options, dynamics)


def residual_directions(signal: TileSignal, count: int) -> Tensor:
    """Top fan-in directions [C, P] of the residual."""
    return whitened_directions(replace(signal, moment=residual_moment(signal)), count)


def residual_moment(signal: TileSignal) -> Tensor:
    """M [Q, P] of the residual of the adjoints; rows of targets of which only rounding is left are zero."""
    trace = signal.trace[:-1]
    moment = signal.moment.clone()
    for inputs in signal.inputs:
        left = residual(signal, inputs)[:-1]
        moment[inputs.places] = torch.einsum("tqb,tpb->qp", left, trace) / signal.samples
    nothing = moment.norm(dim=1) <= ROUNDING * signal.moment.norm(dim=1)
    return moment.masked_fill(nothing[:, None], 0)


def residual(signal: TileSignal, inputs: Inputs) -> Tensor:
    """Adjoints of the targets in one tile less what their own devices could do about them.

    Returns:
        [T, q, B], as in ``signal.delta``: step t holds what is left of the adjoint of t + 1.
    """
    adjoints = signal.delta[:, inputs.places].double()
    spikes = signal.traces.probe.drive(inputs.sources).double().roll(-1, 0)
    spikes[-1] = 0
    mask = inputs.mask
    power = torch.einsum("teb,tfb->ef", spikes, spikes)
    level = RIDGE * power.diagonal().mean() + 1e-12
    normal = power * (mask[:, :, None] & mask[:, None, :]) + torch.diag_embed(torch.where(mask, level, 1.0))
    against = torch.einsum("tqb,teb->qe", adjoints, spikes) * mask
    weight = torch.linalg.solve(normal, against)
    return (adjoints - torch.einsum("qe,teb->tqb", weight, spikes)).to(signal.delta)
