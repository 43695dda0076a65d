"""Diagonal of the empirical Fisher information of the weights, from the gradients of single samples."""

from __future__ import annotations

import torch
from torch import Tensor

from smalti.model.network import Network
from smalti.model.probe import Probe


def diagonal(network: Network, probe: Probe) -> Tensor:
    """Mean over samples of the square of each sample's gradient of -log p(label | x) [K, R, n].

    This is the empirical Fisher information: at the given label, not at labels that the network draws. The gradient of
    a sample with respect to a device is the sum over time of the spikes on its row times the adjoint of its column, so
    no sample needs a backward pass of its own. Devices not in use, or from which nothing arrives, have 0.

    Args:
        network: whose weights.
        probe: spikes, and adjoints of all that runs, of the loss -log p(label | x) per sample.
    """
    state, fabric = network.state, network.fabric
    information = torch.zeros_like(state.weight, requires_grad=False)
    for tile in torch.nonzero(state.mask.any(2).any(1)).flatten().tolist():
        rows = torch.nonzero(state.mask[tile].any(1)).flatten()
        columns = torch.nonzero(state.mask[tile].any(0)).flatten()
        drive = probe.drive(state.source.to(rows.device)[tile, rows].cpu())  # [T, P, B]
        adjoints = probe.adjoints(columns.cpu() + tile * fabric.slots)  # [T, Q, B]
        single = torch.einsum("tpb,tqb->bpq", drive, adjoints)
        information[tile, rows[:, None], columns] = single.square().mean(0).to(information)
    return network.arrivals.of(information * state.mask)
