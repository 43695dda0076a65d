"""Scaling of a newborn's fan-in until it fires at a target rate, found by simulating it on the probe batch.

The scale of a direction is a scalar, so the input current is multiplied out once and a whole grid of scales is
simulated at a time.
"""

from __future__ import annotations

import importlib
import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from smalti.model.neuron import Dynamics, Neurons, step
from smalti.model.probe import filtered

LADDERS = ((0.35, 22.0), (0.7, 1.43))  # multiples of the last scale: coarse, then between two coarse rungs
RUNGS = 12
LANES = 16  # samples that a kernel takes at once
SAMPLES = 64  # of the probe that the search looks at; the answer is simulated on all of it


def calibrate(fan_in: Tensor, drive: Tensor, rate: float, dynamics: Dynamics) -> tuple[Tensor, Tensor]:
    """Scale each direction so that a neuron with that fan-in fires at the rate wanted.

    Args:
        fan_in: directions [C, P].
        drive: presynaptic spikes [T, P, B].
        rate: spikes wanted per neuron and step.
        dynamics: leak and threshold of one hidden neuron, [1, 1] tensors.

    Returns:
        scale [C], zero for a direction that cannot fire, and the spikes at that scale [T, C, B].
    """
    return calibrate_currents(torch.einsum("cp,tpb->tcb", fan_in, drive), rate, dynamics)


def calibrate_currents(current: Tensor, rate: float, dynamics: Dynamics) -> tuple[Tensor, Tensor]:
    """As ``calibrate``, of neurons with these input currents [T, C, B], whatever each of them hears."""
    few = current[:, :, :SAMPLES]
    scale = _first_guess(few, rate, dynamics)
    for low, high in LADDERS:
        ladder = torch.logspace(math.log10(low), math.log10(high), RUNGS).to(current)
        trial = scale[:, None] * ladder  # [C, RUNGS]
        fired = fire(few, trial, dynamics).mean((0, 3))  # [C, RUNGS]
        best = (fired - rate).abs().argmin(1)
        scale = trial.gather(1, best[:, None])[:, 0]
    return scale, fire(current, scale[:, None], dynamics)[:, :, 0]


def fire(current: Tensor, scale: Tensor, dynamics: Dynamics) -> Tensor:
    """Spikes [T, C, G, B] of neurons with input current [T, C, B] at each of G scales [C, G]."""
    steps, candidates, batch = current.shape
    shape = (candidates, scale.shape[1], batch)
    if dynamics.fused:
        return _fused(current, scale, dynamics)
    now = Neurons.at_rest(current.new_empty(shape))
    fired = current.new_empty(steps, *shape)
    for t in range(steps):
        now = step(now, current[t][:, None] * scale[:, :, None], dynamics)
        fired[t] = now.spikes
    return fired


def _fused(current: Tensor, scale: Tensor, dynamics: Dynamics) -> Tensor:
    """``fire`` in numba, which takes whole lanes of samples."""
    kernels = importlib.import_module("smalti.model.engines.events.kernels.newborn")
    batch, width = current.shape[2], kernels.width_of(LANES)
    current = pad(current, (0, -batch % LANES)).contiguous()
    constants = torch.tensor([*dynamics.constants, 1.0], dtype=current.dtype)
    fired = current.new_empty(len(current), *scale.shape, current.shape[2])
    flat = (tensor.numpy() for tensor in (current.view(-1), scale.contiguous(), constants))
    kernels.fire(width, *flat, dynamics.hard, current.shape[2], fired.view(-1).numpy())
    return fired[..., :batch]


def _first_guess(current: Tensor, rate: float, dynamics: Dynamics) -> Tensor:
    """Scale at which the membrane without resets is above threshold for the wanted share of steps."""
    arriving = current if dynamics.synapse is None else filtered(current, float(dynamics.synapse))
    flat = filtered(arriving, float(dynamics.leak)).permute(1, 0, 2).flatten(1)
    rank = max(1, round(rate * flat.shape[1]))
    reach = flat.topk(rank, dim=1).values[:, -1]
    peak = flat.amax(1)
    reach = torch.where(reach > 0, reach, peak)
    return torch.where(peak > 1e-9, float(dynamics.threshold) / reach.clamp(min=1e-9), 0.0)
