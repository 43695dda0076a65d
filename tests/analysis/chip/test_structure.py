from __future__ import annotations

from itertools import permutations
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from smalti.analysis.chip import structure
from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run
from smalti.model.chip.fabric import Fabric, FabricOptions

LIVES = pd.array([None, None, None, 4], dtype="Int32")
NEURONS = pd.DataFrame(
    {
        "neuron": [0, 1, 2, 3],
        "tile": [0, 0, 1, 1],
        "slot": [0, 1, 2, 3],
        "kind": ["hidden", "hidden", "output", "hidden"],
        "task": [0, 1, 1, 0],
        "rule": "tiny",
        "retired_round": LIVES,
    }
)
LINKS = pd.DataFrame(
    {
        "source": [0, 0, 1, 5, 1],
        "kind": ["local", "routed", "local", "input", "routed"],
        "target_tile": [0, 1, 0, 0, 1],
        "row": [0, 3, 1, 4, 4],
        "hops": [0, 1, 0, 1, 1],
        "retired_round": pd.array([None, None, None, None, 2], dtype="Int32"),
    }
)


def test_graph_by_hand() -> None:
    mask, weight = np.zeros((2, 6, 2), dtype=bool), np.zeros((2, 6, 2))
    mask[0, 0, 1] = mask[0, 1, 1] = mask[1, 3, 0] = mask[1, 4, 0] = mask[0, 4, 0] = True  # row 4: retired, and an input
    weight[1, 3, 0] = -0.5
    network = structure.graph_of(NEURONS, LINKS, 2, mask, weight)
    assert sorted(network.edges) == [(0, 1), (0, 2), (1, 1)]
    assert network.edges[0, 2] == {"hops": 1, "kind": "routed", "weight": -0.5}
    assert network.nodes[2] == {"tile": 1, "slot": 0, "kind": "output", "task": 1, "rule": "tiny"}
    assert 3 not in network  # retired


def test_without_devices_a_link_reaches_all_of_its_tile() -> None:
    network = structure.graph_of(NEURONS, LINKS, 2)
    assert sorted(network.edges) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]


def test_graph_of_a_run_has_its_devices(finished_run: Path) -> None:
    run = load_run(finished_run)
    network, simulation = structure.graph(run), restored(run)
    state, ids = simulation.network.state, simulation.registry.id_of_slot
    edges = set()
    for (source, tile), row in simulation.network.links.rows.items():
        for column in np.flatnonzero(state.mask[tile, row].numpy()):
            if source < simulation.fabric.neurons:
                edges.add((ids[source], ids[tile * simulation.fabric.slots + int(column)]))
    assert set(network.edges) == edges
    assert len(network) == len(ids)
    whole = structure.graph_of(run.table("neurons"), run.table("links"), simulation.fabric.slots)
    assert edges < set(whole.edges)


def test_clustering_of_what_is_known() -> None:
    cycle = nx.DiGraph([(0, 1), (1, 2), (2, 0), (0, 0)])
    assert structure.clustering(cycle) == pytest.approx(0.5)
    assert structure.clustering(nx.complete_graph(5, nx.DiGraph)) == 1
    assert structure.clustering(nx.DiGraph([(0, 1), (0, 2)])) == 0


@pytest.mark.parametrize("against", ["degrees", "edges"])
def test_a_ring_with_shortcuts_is_a_small_world_and_a_random_graph_is_none(against: str) -> None:
    ring = nx.watts_strogatz_graph(60, 6, 0.1, seed=1).to_directed()
    found = structure.small_world(ring, against=against)
    assert found.sigma > 2
    assert found.clustering == pytest.approx(nx.average_clustering(ring.to_undirected()))
    assert found.path == pytest.approx(nx.average_shortest_path_length(ring.to_undirected()))
    random = nx.gnm_random_graph(60, 180, seed=1).to_directed()
    assert structure.small_world(random, against=against).sigma == pytest.approx(1, abs=0.35)
    assert structure.small_world(ring, against=against) == found  # seeded
    assert structure.small_world(ring, against=against, seed=1) != found


def test_random_references_agree_with_those_of_networkx() -> None:
    ring = nx.watts_strogatz_graph(40, 6, 0.1, seed=1)
    found = structure.small_world(ring.to_directed(), references=20)
    theirs = nx.average_clustering(nx.random_reference(ring, niter=10, connectivity=False, seed=1))
    assert found.random_clustering == pytest.approx(theirs, abs=0.04)


def test_swapping_keeps_every_degree_and_no_order() -> None:
    before = nx.barabasi_albert_graph(30, 3, seed=0)
    after = structure._swapped(before, seed=0)
    assert dict(after.degree) == dict(before.degree)
    assert nx.number_of_selfloops(after) == 0
    assert len(set(map(frozenset, after.edges)) & set(map(frozenset, before.edges))) < 0.6 * before.number_of_edges()


def test_small_world_is_that_of_the_largest_component() -> None:
    network = nx.disjoint_union(nx.watts_strogatz_graph(20, 4, 0.1, seed=1), nx.path_graph(5)).to_directed()
    found = structure.small_world(network)
    assert (found.nodes, found.share) == (20, 0.8)
    for small in (nx.DiGraph(), nx.DiGraph([(0, 1), (1, 2)])):
        with pytest.raises(ValueError, match="needs at least four"):
            structure.small_world(small)


def two_rings() -> nx.DiGraph:
    made = nx.DiGraph([(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)])
    nx.set_node_attributes(made, {node: node // 3 for node in made}, "task")
    return made


def test_modularity_by_its_formula() -> None:
    network = two_rings()
    a, m = nx.to_numpy_array(network, nodelist=range(6)), 7
    expected = np.outer(a.sum(1), a.sum(0)) / m
    same = np.equal.outer(np.arange(6) // 3, np.arange(6) // 3)
    assert structure.modularity(network) == pytest.approx(((a - expected) * same).sum() / m)
    assert structure.modularity(network, dict.fromkeys(range(6), 0)) == pytest.approx(0)
    assert structure.modularity(network, pd.Series({0: "a", 1: "a", 2: "a"})) == pytest.approx(
        0
    )  # the rest is left out
    with pytest.raises(ValueError, match="no edge joins"):
        structure.modularity(network, {0: 1})


def test_best_modularity_is_the_best_of_all_partitions() -> None:
    network = two_rings()
    best, groups = structure.best_modularity(network)
    every = [structure.modularity(network, dict(enumerate(p))) for p in set(permutations([0, 0, 0, 1, 1, 1], 6))]
    assert best == pytest.approx(max(every))
    assert structure.modularity(network, groups) == pytest.approx(best)
    with pytest.raises(ValueError, match="has no edge"):
        structure.best_modularity(nx.empty_graph(3, nx.DiGraph))


def placed(tiles: list[int], edges: list[tuple[int, int]], outputs: tuple[int, ...] = ()) -> nx.DiGraph:
    made = nx.DiGraph()
    for node, tile in enumerate(tiles):
        made.add_node(node, tile=tile, kind="output" if node in outputs else "hidden")
    made.add_edges_from(edges)
    return made


def test_locality_by_hand() -> None:
    fabric = Fabric(FabricOptions(rows=1, cols=3, neurons_per_tile=2))
    network = placed([0, 0, 1, 2], [(0, 1), (0, 2), (0, 3), (3, 3)])
    found = structure.locality(network, fabric, permutations=1000)
    assert found.local == 0.5
    assert found.hops == (0 + 1 + 5 + 0) / 4  # two tiles apart in a row: 2 * 2 + 1
    hops = {0: 0, 1: 1, 2: 5}
    exact = [np.mean([hops[abs(p[a] - p[b])] for a, b in network.edges]) for p in map(list, permutations([0, 0, 1, 2]))]
    assert found.permuted_hops == pytest.approx(np.mean(exact), abs=0.1)
    assert found.quantile == pytest.approx(np.mean(np.array(exact) <= found.hops), abs=0.05)


def test_outputs_keep_their_places() -> None:
    fabric = Fabric(FabricOptions(rows=1, cols=2, neurons_per_tile=2))
    found = structure.locality(placed([0, 1], [(0, 1)], outputs=(0, 1)), fabric, permutations=5)
    assert (found.hops, found.permuted_hops, found.quantile) == (1, 1, 1)
    with pytest.raises(ValueError, match="has no edge"):
        structure.locality(placed([0], []), fabric)


def test_grown_networks_are_more_local_than_chance(finished_run: Path) -> None:
    run = load_run(finished_run)
    found = structure.locality(structure.graph(run), structure.fabric_of(run))
    assert found.hops < found.permuted_hops
