"""What is laid and what is missing together are the net; limits are the chip's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.mapping.net import Net
from smalti.model.mapping.routing import mapped, routed, slots_of
from smalti.model.mapping.site import Site

Sparse = Callable[..., Net]


@pytest.mark.parametrize("wires", [3, 16])
@pytest.mark.parametrize("seed", range(3))
def test_every_synapse_has_a_link_or_is_listed(sparse: Sparse, wires: int, seed: int) -> None:
    fabric = Fabric(FabricOptions(rows=3, cols=4, neurons_per_tile=8, wires=wires, corner_wires=2))
    net, outputs = sparse(80, seed=seed), np.arange(76, 80)
    found = mapped(net, fabric, outputs, fabric.south_tiles[1])
    assert len(set(found.slots.tolist())) == 80
    assert (found.slots // fabric.slots == found.tiles).all()
    assert found.slots[outputs].tolist() == [fabric.south_tiles[1] * 8 + k for k in range(4, 8)]
    for neuron, source in np.argwhere(net.recurrent != 0).tolist():
        laid = (int(found.slots[source]), int(found.tiles[neuron])) in found.links.rows
        assert laid != bool(found.lost[neuron, source])
    for neuron, channel in np.argwhere(net.fan_in != 0).tolist():
        laid = (fabric.neurons + channel, int(found.tiles[neuron])) in found.links.rows
        assert laid != bool(found.lost_inputs[neuron, channel])
    assert (found.links.ledger.used <= fabric.capacity).all()
    assert sum(missing.synapses for missing in found.missing) == found.synapses_lost
    assert bool(found.missing) == (found.synapses_lost > 0)
    assert found.synapses_lost > 0 or wires == 16


def test_what_is_full_is_named() -> None:
    """Two neurons in the first tile are heard in the second, and there is one wire."""
    fabric = Fabric(FabricOptions(rows=1, cols=2, neurons_per_tile=2, wires=1, corner_wires=0))
    heard = np.zeros((3, 3), np.float32)
    heard[2, :2] = (1.0, -3.0)
    one = np.ones(3, np.float32)
    net = Net(np.zeros((3, 1), np.float32), heard, one, one, one > 0, False)
    found = routed(net, fabric, np.array([0, 0, 1]), np.array([2]))
    (missing,) = found.missing
    assert (missing.source, missing.tile, missing.synapses) == ("neuron 0", 1, 1)  # the other one weighs more
    assert missing.reason == "neuron tile (0, 0) side E out is full"
    assert np.argwhere(found.lost).tolist() == [[2, 0]]


def test_channels_say_where_they_enter() -> None:
    fabric = Fabric(FabricOptions(rows=2, cols=1, neurons_per_tile=2))
    one = np.ones(1, np.float32)
    net = Net(np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32), one, one, one > 0, False)
    found = routed(net, fabric, np.array([1]), np.array([], dtype=np.int64))
    (missing,) = found.missing
    assert (missing.source, missing.tile, missing.reason) == ("channel 0", 1, "it enters tile (0, 0) alone")


def test_outputs_take_the_last_slots() -> None:
    fabric = Fabric(FabricOptions(rows=1, cols=2, neurons_per_tile=4))
    site, outputs = Site.whole(fabric, 0), np.array([3, 2])
    assert slots_of(site, np.array([0, 1, 1, 1]), outputs).tolist() == [0, 4, 7, 6]
    holed = Site(site.links, {0: [1, 2, 3], 1: [4, 6, 7]})  # the first slot of one tile is taken, one inside the other
    assert slots_of(holed, np.array([0, 1, 1, 1]), outputs).tolist() == [1, 4, 7, 6]
    with pytest.raises(ValueError, match=r"4 neurons do not fit the 3 free slots of tile \(0, 1\)"):
        slots_of(holed, np.array([1, 1, 1, 1]), outputs)
