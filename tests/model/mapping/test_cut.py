"""Costs are what the chip counts, changes of them exact, and the cut no worse than what can be tried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.mapping.cost import AWAY, Costs
from smalti.model.mapping.cut import placed, rooms
from smalti.model.mapping.net import Net
from smalti.model.mapping.routing import routed

Sparse = Callable[..., Net]
FABRIC = Fabric(FabricOptions(rows=2, cols=2, neurons_per_tile=8, wires=64, corner_wires=64))


def scattered(neurons: int, fabric: Fabric, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(fabric.tiles), fabric.slots))[:neurons]


@pytest.mark.parametrize("seed", range(3))
def test_the_cost_is_the_hops_that_the_ledger_counts(sparse: Sparse, seed: int) -> None:
    net = replace(sparse(24, seed=seed), fan_in=np.zeros((24, 8), np.float32))
    tiles = scattered(24, FABRIC, seed)
    on_chip = routed(net, FABRIC, tiles, np.array([], dtype=np.int64))
    assert not on_chip.missing
    assert on_chip.hops == Costs.of(net, FABRIC).hops(tiles)


@pytest.mark.parametrize("seed", range(3))
def test_changes_are_those_of_the_cost(sparse: Sparse, seed: int) -> None:
    net, tiles = sparse(20, seed=seed), scattered(20, FABRIC, seed)
    costs = Costs.of(net, FABRIC)
    changes = costs.changes(tiles)
    for neuron in range(20):
        for tile in range(FABRIC.tiles):
            moved = tiles.copy()
            moved[neuron] = tile
            assert changes[neuron, tile] == pytest.approx(costs.total(moved) - costs.total(tiles))


def test_what_no_channel_reaches_is_dear(sparse: Sparse) -> None:
    net = sparse(6, channels=2)
    costs, south = Costs.of(net, FABRIC), np.full(6, 2)
    assert costs.total(south) == AWAY * np.count_nonzero(net.fan_in)  # all in one tile: no hops


def test_two_cliques_get_a_tile_each() -> None:
    """Eight neurons that all hear each other, and eight others; nothing between."""
    block = np.kron(np.eye(2), np.ones((8, 8))).astype(np.float32)
    order = np.random.default_rng(0).permutation(16)
    one = np.ones(16, np.float32)
    net = Net(np.zeros((16, 0), np.float32), block[np.ix_(order, order)], one, one, one > 0, False)
    tiles = placed(net, FABRIC, {})
    assert all(len(set(tiles[order // 8 == clique].tolist())) == 1 for clique in range(2))
    assert Costs.of(net, FABRIC).total(tiles) == 0


@pytest.mark.parametrize("seed", range(12))
def test_near_the_best_of_all_placements_of_a_small_net(sparse: Sparse, seed: int) -> None:
    fabric = Fabric(FabricOptions(rows=1, cols=3, neurons_per_tile=2, wires=16, corner_wires=16))
    net = sparse(6, fan_in=2, channels=3, seed=seed)
    costs = Costs.of(net, fabric)
    best = min(costs.total(np.array(tiles)) for tiles in set(permutations([0, 0, 1, 1, 2, 2])))
    assert costs.total(placed(net, fabric, {})) <= best + 2
    assert best > 0


def test_fixed_neurons_stay_and_no_tile_is_overfull(sparse: Sparse) -> None:
    fabric = Fabric(FabricOptions(rows=3, cols=3, neurons_per_tile=4, dead_tiles=((1, 1),)))
    net, fixed = sparse(30), {28: 7, 29: 7}
    tiles = placed(net, fabric, fixed)
    assert tiles[[28, 29]].tolist() == [7, 7]
    assert (np.bincount(tiles, minlength=9) <= rooms(fabric)).all()
    with pytest.raises(ValueError, match="33 neurons do not fit the 32 slots of this chip"):
        placed(sparse(33), fabric, {})
    with pytest.raises(ValueError, match=r"5 output units do not fit the 4 free slots of tile \(2, 1\)"):
        placed(net, fabric, dict.fromkeys(range(5), 7))
