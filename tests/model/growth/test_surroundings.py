from __future__ import annotations

import pytest
import torch

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.growth.surroundings import Norms, distances, inputs_of, usual_norms
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions


@pytest.fixture
def network() -> Network:
    """Two tiles of two slots; channel 4 enters tile 0; 0 drives 0 and 1 at home, and 2 and 3 next door; 2 drives 3."""
    fabric = Fabric(FabricOptions(rows=1, cols=2, neurons_per_tile=2, wires=2))
    chip = Network(fabric, 1, NetworkOptions(precision="float64"))
    chip.state.alive.fill_(True)
    for slot in range(4):
        chip.links.add_local(slot)
    far = chip.links.add(0, 1)
    channel = chip.links.rows[4, 0]
    weights = {
        (0, channel, 0): 3.0,
        (0, 0, 0): 4.0,
        (0, 0, 1): 0.5,
        (1, far, 0): -1.0,
        (1, far, 1): 0.0,
        (1, 0, 1): 2.0,
    }
    with torch.no_grad():
        for place, value in weights.items():
            chip.state.weight[place] = value
            chip.state.mask[place] = True
    return chip


def test_usual_norms_are_means_over_those_that_have_any(network: Network) -> None:
    """Fan-ins: 5 of slot 0, .5, 1 and 2 of the others. Fan-outs: of 0 the root of 16 + .25 + 1, of 2 it is 2."""
    out = (16 + 0.25 + 1) ** 0.5
    everyone = usual_norms(network, torch.arange(4))
    assert everyone.fan_in == pytest.approx((5 + 0.5 + 1 + 2) / 4)
    assert everyone.fan_out == pytest.approx((out + 2) / 2)
    some = usual_norms(network, torch.tensor([1, 2]))
    assert (some.fan_in, some.fan_out) == (pytest.approx(0.75), pytest.approx(2))


def test_norms_are_one_where_nobody_has_any(network: Network) -> None:
    assert usual_norms(network, torch.tensor([], dtype=torch.int64)) == Norms(1, 1)
    assert usual_norms(network, torch.tensor([3])) == Norms(pytest.approx(2), 1)
    with torch.no_grad():
        network.state.weight.zero_()
    assert usual_norms(network, torch.arange(4)) == Norms(1, 1)


def test_devices_onto_targets_are_listed_tile_by_tile(network: Network) -> None:
    here, there = inputs_of(network, torch.tensor([3, 0, 2]))
    assert here.places.tolist() == [1]
    assert driven(here.sources.tolist(), here.mask.tolist()) == [{0, 4}]
    assert there.places.tolist() == [0, 2]
    assert driven(there.sources.tolist(), there.mask.tolist()) == [{0, 2}, {0}]  # a weight of zero counts
    assert inputs_of(network, torch.tensor([], dtype=torch.int64)) == ()


def driven(sources: list[int], masks: list[list[bool]]) -> list[set[int]]:
    return [{source for source, used in zip(sources, mask, strict=True) if used} for mask in masks]


def test_frozen_devices_cannot_be_changed_and_do_not_count(network: Network) -> None:
    network.state.frozen[0, 0, 0] = True
    (here,) = inputs_of(network, torch.tensor([0]))
    assert driven(here.sources.tolist(), here.mask.tolist()) == [{4}]


def test_distance_counts_tiles_from_one_and_channels_are_next_door() -> None:
    fabric = Fabric(FabricOptions(rows=3, cols=3, neurons_per_tile=2, wires=2))
    network = Network(fabric, 3, NetworkOptions(precision="float64"))
    sources = torch.tensor([0, 3, 17, 18, 20])  # tiles 0, 1 and 8, channels 0 and 2
    found = distances(network, 0, sources)
    assert found.tolist() == [1, 2, 5, 1, 1]
    assert found.dtype == torch.float64
