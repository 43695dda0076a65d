"""Primed growth: both sides along the top singular directions of the growth signal, asleep just below threshold.

With M = sum_k sigma_k v_k u_k^T (``model.growth.signal``): fan-in u_k scaled so that the membrane reaches p theta at
most on the probe, fan-out -v_k. A primed newborn is silent on the probe and so changes nothing there; elsewhere it may
fire, and the function moves. Its gradient comes through the surrogate, which must reach down to p theta.
"""

from __future__ import annotations

import numpy as np
import torch

from smalti.model.growth.newborns.proposal import Proposal, propose
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules.whitened import rank_of
from smalti.model.growth.signal import TileSignal
from smalti.model.neuron import Dynamics, NetworkOptions
from smalti.model.probe import filtered

LEVEL = 0.7  # highest membrane on the probe, in thresholds
FAN_OUT = 0.3  # norm of the fan-out, in usual norms of a fan-in


def primed(
    signal: TileSignal, count: int, options: GrowthOptions, dynamics: Dynamics, generator: np.random.Generator
) -> Proposal:
    """Newborns silent on the probe. Costs one SVD [Q, P]; directions that never excite are left out."""
    signal.check_finite(signal.moment)
    present = signal.present
    left, singular, right = torch.linalg.svd(signal.moment[:, present].double(), full_matrices=False)
    rank = min(count, rank_of(singular, signal.moment))
    into = signal.drive.new_zeros(rank, len(signal.sources))
    into[:, present] = right[:rank].to(into.dtype)
    out = -left.T[:rank].to(into.dtype)
    highest, lowest = _extremes(into, signal, dynamics)
    sign = torch.where(highest >= lowest, 1.0, -1.0).to(into.dtype)
    peak = torch.maximum(highest, lowest)
    awake = peak > 0
    into = into * (sign * LEVEL * dynamics.theta / peak.clamp(min=1e-30))[:, None]
    out = out * sign[:, None] * FAN_OUT * signal.traces.norms.fan_in
    return propose(signal, into[awake], out[awake], dynamics)


def _extremes(fan_in: torch.Tensor, signal: TileSignal, dynamics: Dynamics) -> tuple[torch.Tensor, torch.Tensor]:
    """Highest membrane that fan-ins [C, P] and their opposites reach on the probe if nothing fires, [C] each."""
    current = torch.einsum("cp,tpb->tcb", fan_in, signal.drive)
    if dynamics.synapse is not None:
        current = filtered(current, float(dynamics.synapse))
    membrane = torch.zeros_like(current[0])
    highest, lowest = membrane.amax(1), membrane.amax(1)
    for step in current:
        membrane = membrane * dynamics.leak + step
        highest, lowest = torch.maximum(highest, membrane.amax(1)), torch.maximum(lowest, (-membrane).amax(1))
    return highest, lowest


def refusal(options: NetworkOptions) -> str:
    """Why primed growth cannot work with these neurons; empty where it can."""
    if options.surrogate_width > (1 - LEVEL) * options.threshold:
        return ""
    return (
        f"growth.rule = 'primed' lets newborns sleep at {LEVEL} thresholds, out of reach of a surrogate with "
        f"network.surrogate_width = {options.surrogate_width}: make it larger than {(1 - LEVEL) * options.threshold:g}"
    )
