"""What a network uses of its chip and what a sample costs on it: counts only, never joules."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.model.network import Network
from smalti.model.work import Work


@dataclass(frozen=True)
class Usage:
    """Resources taken."""

    neurons: int  # hidden neurons alive
    links: int  # rows in use, inputs included
    devices: int  # crosspoints in use
    wires: int  # sides of tiles occupied, counted once per source


def usage(network: Network) -> Usage:
    """Count what the network uses now."""
    state, links = network.state, network.links
    return Usage(
        neurons=int((state.alive & ~state.output).sum()),
        links=len(links.rows),
        devices=int(torch.count_nonzero(state.mask)),
        wires=int(links.ledger.used.sum()),
    )


def traffic(network: Network, spikes: Tensor) -> tuple[float, float]:
    """Spikes of neurons, and routing tiles crossed by spikes of neurons and inputs, both per sample.

    Args:
        network: the network.
        spikes: of every source, neurons and then input channels, per sample [N + I] float64.
    """
    return float(spikes[: network.fabric.neurons].sum()), float(spikes @ hops(network))


def corner_hop_spikes(network: Network, spikes: Tensor) -> float:
    """Of the routing tiles crossed those at corners (R0), per sample; arguments as in ``traffic``."""
    return float(spikes @ torch.from_numpy(network.links.corner_hops_per_source()).to(torch.float64))


def synaptic_operations(network: Network, spikes: Tensor, running: Tensor) -> float:
    """Spikes times the devices that they meet, per sample: additions of a forward pass that follows spikes.

    Args:
        network, spikes: as in ``traffic``.
        running: neurons that take part [N] bool; devices onto others are switched off.
    """
    return float(spikes @ fan_out(network, running))


def work(network: Network, spikes: Tensor, running: Tensor, steps: int) -> Work:
    """What samples of so many time steps take: synaptic operations, and the leaks of all states at every step.

    A membrane is a state, and so are the slow synapse and the adapted threshold of neurons that have them. Thresholds
    compared, spikes subtracted from membranes and outputs summed over time are not counted. Arguments as in
    ``synaptic_operations``.
    """
    return Work(synaptic_operations(network, spikes, running), leaks(network, running) * steps)


def leaks(network: Network, running: Tensor) -> float:
    """States of neurons that run [N] bool: a multiplication each at every step."""
    state = network.state
    states = 1 + (state.synapse != 0).long() + (state.strength != 0).long()
    return float((running * states.to(running.device)).sum())


def hops(network: Network) -> Tensor:
    """Routing tiles that a spike of every source crosses [N + I] float64."""
    return torch.from_numpy(network.links.hops_per_source()).to(torch.float64)


def fan_out(network: Network, running: Tensor) -> Tensor:
    """Devices that a spike of every source meets [N + I] float64, of those onto neurons that run [N] bool."""
    state, columns = network.state, running.view(network.fabric.tiles, 1, -1)
    here = torch.nonzero(columns.any(2).flatten()).flatten()  # tiles with neurons that run: mostly few
    met = (state.mask[here] & columns[here]).sum(2).flatten().cpu()
    source = state.source[here.cpu()].flatten()
    devices = torch.zeros(network.fabric.neurons + network.channels, dtype=torch.float64)
    return devices.index_add_(0, source.clamp(min=0), (met * (source >= 0)).to(torch.float64))
