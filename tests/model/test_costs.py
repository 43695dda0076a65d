from __future__ import annotations

import torch
from torch import Tensor

from smalti.model import costs
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions


def network() -> Network:
    """Neuron 0 in tile 0 of 2 x 2 reaches tiles 1 (one hop) and 3 (three hops); neuron 2 in tile 1 its own tile."""
    fabric = Fabric(FabricOptions(rows=2, cols=2, neurons_per_tile=2, wires=3, corner_wires=1))
    chip = Network(fabric, 2, NetworkOptions())
    links, state = chip.links, chip.state
    links.add_local(0)
    links.add_local(2)
    links.add(0, 1)
    links.add(0, 3)
    state.alive[[0, 2, 6]] = True
    state.output[6] = True
    state.mask[0, links.rows[8, 0], 0] = True
    state.mask[1, links.rows[0, 1], 0] = True
    state.mask[3, links.rows[0, 3], :] = True
    return chip


def per_sample(counts: Tensor, input_spikes: Tensor) -> Tensor:
    """Spikes of every source [N + I], of counts [N, B]."""
    return torch.cat([counts.double().mean(1), input_spikes.double()])


def test_traffic_is_hops_times_spikes_by_hand() -> None:
    """Two samples. Neuron 0: 4 hops, 3 and 5 spikes; neuron 2: no hops, 2 and 0. Inputs, one hop: 4 + 1 and 0 + 2."""
    chip = network()
    counts = torch.zeros(8, 2)
    counts[0], counts[2] = torch.tensor([3.0, 5.0]), torch.tensor([2.0, 0.0])
    input_spikes = torch.tensor([4.0, 1.0 + 2.0]) / 2
    spikes, hop_spikes = costs.traffic(chip, per_sample(counts, input_spikes))
    assert spikes == (3 + 2 + 5 + 0) / 2
    assert hop_spikes == (4 * (3 + 5) + (4 + 1) + (0 + 2)) / 2


def test_hops_at_corners_are_told_apart_by_hand() -> None:
    """Neuron 0 crosses one corner, (2, 2), on its way to tile 3; nobody else does."""
    chip = network()
    counts = torch.zeros(8, 2)
    counts[0], counts[2] = torch.tensor([3.0, 5.0]), torch.tensor([2.0, 0.0])
    every = per_sample(counts, torch.tensor([4.0, 1.0]))
    assert costs.corner_hop_spikes(chip, every) == 1 * (3 + 5) / 2


def test_usage_is_counted_by_hand() -> None:
    """Wires: inputs 3 sides each; 0 -> 1 four sides, 0 -> 3 eight, of which none is shared."""
    used = costs.usage(network())
    assert used.neurons == 2
    assert used.links == 2 + 2 + 2
    assert used.devices == 1 + 1 + 2
    assert used.wires == 2 * 3 + 4 + 8


def test_synaptic_operations_are_spikes_times_devices_by_hand() -> None:
    """Neuron 0 meets 1 device in tile 1 and 2 in tile 3 (one switched off); channel 0 meets 1, channel 1 none."""
    chip = network()
    counts, input_spikes = torch.zeros(8, 2), torch.tensor([2.5, 7.0])
    counts[0], counts[2] = torch.tensor([3.0, 5.0]), torch.tensor([2.0, 0.0])
    everybody, most = torch.ones(8, dtype=torch.bool), torch.ones(8, dtype=torch.bool)
    most[7] = False
    spikes = per_sample(counts, input_spikes)
    assert costs.synaptic_operations(chip, spikes, everybody) == 4 * (1 + 2) + 2.5
    assert costs.synaptic_operations(chip, spikes, most) == 4 * (1 + 1) + 2.5
