"""Graph files hold the wiring of the run: read back by others, it is the same."""

from __future__ import annotations

import re
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from smalti.analysis.export.graph import export_graph, graph_with_inputs
from smalti.analysis.export.population import population_of
from smalti.analysis.runs import load_run
from smalti.scheduler.simulation import Simulation


def test_every_synapse_is_an_edge_with_its_weight(runs: dict[str, Path], simulations: dict[str, Simulation]) -> None:
    simulation, population = simulations["soft"], population_of(simulations["soft"])
    network, net = graph_with_inputs(load_run(runs["soft"]), simulation), population.net
    names = [f"n{simulation.registry.id_of_slot[slot]}" for slot in population.slots.tolist()]
    for k, target in enumerate(names):
        for source, weight in zip(names, net.recurrent[k].tolist(), strict=True):
            assert network.get_edge_data(source, target, {"weight": 0.0})["weight"] == pytest.approx(weight)
        for channel, weight in enumerate(net.fan_in[k].tolist()):
            assert network.get_edge_data(f"i{channel}", target, {"weight": 0.0})["weight"] == pytest.approx(weight)
    assert set(names) <= set(network)


def test_graphml_comes_back(runs: dict[str, Path], tmp_path: Path) -> None:
    written = export_graph(load_run(runs["soft"]), tmp_path / "net.graphml")
    read = nx.read_graphml(tmp_path / "net.graphml")
    assert {name: dict(facts) for name, facts in read.nodes.items()} == dict(written.nodes.items())
    assert read.edges.keys() == written.edges.keys()
    weights = [[graph.edges[edge]["weight"] for edge in written.edges] for graph in (read, written)]
    assert np.allclose(*weights)
    assert {facts["kind"] for facts in read.nodes.values()} == {"input", "hidden", "output"}


def test_dot_names_every_node_once_in_its_tile_and_every_edge(runs: dict[str, Path], tmp_path: Path) -> None:
    written = export_graph(load_run(runs["soft"]), tmp_path / "net.dot", expert=1)
    text = (tmp_path / "net.dot").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^    (\w+) \[shape", text, re.M)) == sorted(written)
    assert sorted(re.findall(r"^  (\w+) -> (\w+) \[", text, re.M)) == sorted(written.edges)
    for tile, body in re.findall(r"cluster_tile_(\d+) \{(.*?)\n  \}", text, re.S):
        inside = re.findall(r"^    (n\d+) \[", body, re.M)
        assert inside
        assert {written.nodes[name]["tile"] for name in inside} == {int(tile)}


def test_an_expert_is_a_part(runs: dict[str, Path], simulations: dict[str, Simulation]) -> None:
    run = load_run(runs["soft"])
    whole, part = (graph_with_inputs(run, simulations["soft"], expert) for expert in (None, 0))
    assert 0 < len(part) < len(whole)
    assert set(part.edges) <= set(whole.edges)


def test_other_endings_are_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"net\.png ends with \.png; give a name that ends with"):
        export_graph(load_run(runs["soft"]), tmp_path / "net.png")
    assert not list(tmp_path.iterdir())
