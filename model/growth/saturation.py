"""How far an expert is used up: what the timing ``noracl`` looks at, from what a probe gives."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.model.network import Network
from smalti.model.probe import Probe


@dataclass(frozen=True)
class Saturation:
    """One measurement of an expert."""

    dimension: float  # effective dimension of its hidden activations, neurons
    fisher: float  # trace of the empirical Fisher matrix of its devices, (nats per unit of weight)^2


def measure(network: Network, probe: Probe, hidden: Tensor, members: Tensor) -> Saturation:
    """Measure an expert on a probe.

    Args:
        network: the chip's.
        probe: of the expert, with the adjoints of its members.
        hidden: slots of its hidden neurons.
        members: slots of its hidden neurons and outputs.
    """
    return Saturation(effective_dimension(probe.counts[hidden]), fisher_trace(network, probe, members))


def effective_dimension(counts: Tensor) -> float:
    """Participation ratio (sum of the eigenvalues)^2 / sum of their squares of the covariance over samples.

    1 where all neurons do the same, their number where they vary alike and independently, 0 where nothing varies.

    Args:
        counts: spikes [n, B].
    """
    centred = counts.double() - counts.double().mean(1, keepdim=True)
    covariance = centred @ centred.T
    squares = float(covariance.square().sum())
    return float(covariance.trace()) ** 2 / squares if squares > 0 else 0.0


def fisher_trace(network: Network, probe: Probe, members: Tensor) -> float:
    """Sum over the devices that learn in the members' columns of the mean square of a sample's gradient.

    The gradient of sample b with respect to the device from wire p to neuron q is sum_t delta_q[t] z_p[t]: its mean
    square is the diagonal of the empirical Fisher matrix, which elastic weight consolidation uses as well. All devices
    count, not only outputs: plasticity is used up device by device.
    """
    state, slots, total = network.state, network.fabric.slots, 0.0
    learns = network.arrivals.of((state.mask & ~state.frozen).to(state.weight.dtype)).cpu()
    for tile in sorted(set((members // slots).tolist())):
        here = members[members // slots == tile]
        devices = learns[tile][:, here % slots]  # [R, Q]
        rows = torch.nonzero(devices.any(1)).flatten()
        drive, delta = probe.drive(state.source[tile][rows]), probe.adjoints(here)
        squares = torch.einsum("tpb,tqb->pqb", drive, delta).double().square().mean(2)
        total += float((squares.cpu() * devices[rows]).sum())
    return total
