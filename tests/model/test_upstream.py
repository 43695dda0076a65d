"""Who hears whom, on a chain by hand."""

from __future__ import annotations

import pytest
import torch

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions


@pytest.fixture
def chain() -> Network:
    """Slots 0 and 1 of tile 0 drive 2 in tile 1, which drives 3 there; channel 0, source 4, drives 0."""
    network = Network(Fabric(FabricOptions(rows=1, cols=2, neurons_per_tile=2, wires=2)), 1, NetworkOptions())
    links, state = network.links, network.state
    for source in (0, 1):
        links.add(source, 1)
    links.add_local(2)
    state.alive[:] = True
    for source, target in ((0, 2), (1, 2), (2, 3), (4, 0)):
        tile, column = divmod(target, 2)
        state.mask[tile, links.rows[source, tile], column] = True
    return network


def slots(mask: torch.Tensor) -> list[int]:
    return torch.nonzero(mask).flatten().tolist()


def test_those_who_drive_devices_of_listeners_are_heard(chain: Network) -> None:
    listeners = torch.zeros(4, dtype=torch.bool)
    for slot, heard in ((3, [2]), (2, [0, 1]), (0, [])):
        assert slots(chain.upstream.heard_by(listeners.index_fill(0, torch.tensor(slot), True))) == heard
    assert slots(chain.upstream.heard_by(~listeners)) == [0, 1, 2]


def test_upstream_are_all_whom_somebody_needs_himself_included(chain: Network) -> None:
    for asked, needed in (([3], [0, 1, 2, 3]), ([2], [0, 1, 2]), ([1], [1]), ([4], []), ([1, 4], [1])):
        assert slots(chain.upstream.of(torch.tensor(asked))) == needed


def test_what_is_remembered_follows_the_chip_and_belongs_to_whoever_asked(chain: Network) -> None:
    asked = torch.tensor([3])
    chain.upstream.of(asked)[:] = False
    assert slots(chain.upstream.of(asked)) == [0, 1, 2, 3]
    chain.state.mask[1, chain.links.rows[0, 1], 0] = False
    assert slots(chain.upstream.of(asked)) == [1, 2, 3]
