"""NIR graphs of others become nets that do the same; what a chip cannot be is refused with the node's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

nir = pytest.importorskip("nir")

from smalti.analysis.export import nir as files  # noqa: E402
from smalti.analysis.export.population import population_of  # noqa: E402
from smalti.analysis.export.reading import read_net  # noqa: E402
from smalti.analysis.export.stepping import spikes_of  # noqa: E402
from smalti.scheduler.simulation import Simulation  # noqa: E402

DT = 0.001
X = (np.random.default_rng(0).random((6, 20, 5)) < 0.3).astype(np.float64)


def lif(size: int, **changes: Any) -> Any:
    one = np.ones(size)
    return nir.LIF(
        **({"tau": 0.01 * one, "r": one, "v_leak": 0 * one, "v_threshold": one, "v_reset": 0 * one} | changes)
    )


def li(size: int) -> Any:
    one = np.ones(size)
    return nir.LI(tau=0.02 * one, r=one, v_leak=0 * one)


def weights(to: int, of: int, gain: float) -> Any:
    return nir.Linear(gain * np.random.default_rng(to + 100 * of).normal(0.4, 1.0, size=(to, of)))


def written(path: Path, nodes: dict[str, Any], edges: list[tuple[str, str]], last: int) -> Path:
    ends = {"in": nir.Input({"input": np.array([5])}), "out": nir.Output({"output": np.array([last])})}
    files.write(path / "other.nir", nir.NIRGraph(nodes=ends | nodes, edges=edges))
    return path / "other.nir"


LOOP = [("in", "w"), ("w", "cells"), ("cells", "back"), ("back", "cells"), ("cells", "out")]


def loop(**changes: Any) -> dict[str, Any]:
    return {"w": weights(8, 5, 6.0), "cells": lif(8), "back": weights(8, 8, 4.0)} | changes


@pytest.mark.parametrize(
    "changes",
    [{}, {"r": np.full(8, 10.0)}, {"v_threshold": np.linspace(0.5, 2.0, 8)}, {"tau": np.linspace(0.005, 0.05, 8)}],
)
def test_a_recurrent_net_of_others_spikes_as_the_standard_says(changes: dict[str, Any], tmp_path: Path) -> None:
    path = written(tmp_path, loop(cells=lif(8, **changes)), LOOP, 8)
    read = read_net(path, outputs=3)
    there = spikes_of(files.read(path), X, DT)["out"] > 0
    assert there.sum() > 50
    assert (read.net.run(X)[0] == there).all()
    assert read.outputs.tolist() == [5, 6, 7]
    assert (read.net.hard, read.readout, read.notes) == (True, "spike_count", [])


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_what_was_exported_comes_back(simulations: dict[str, Simulation], reset: str, tmp_path: Path) -> None:
    population = population_of(simulations[reset])
    net = population.net
    facts = {"outputs": population.outputs, "readout": "membrane_mean"}
    files.write(tmp_path / "own.nir", files.graph_of(net, files.exact_form(net), facts))
    read = read_net(tmp_path / "own.nir")
    for name in ("fan_in", "recurrent", "leak", "threshold"):
        assert np.allclose(getattr(read.net, name), getattr(net, name), rtol=1e-4, atol=2e-6)
    assert read.net.hard == net.hard
    assert read.net.synapses == net.synapses
    assert (read.net.fires == net.fires).all()
    assert (read.outputs == population.outputs).all()


def test_integrators_behind_are_the_output_units(tmp_path: Path) -> None:
    nodes = loop(out_w=weights(2, 8, 1.0), ends=li(2))
    edges = [*LOOP[:-1], ("cells", "out_w"), ("out_w", "ends"), ("ends", "out")]
    path = written(tmp_path, nodes, edges, 2)
    read = read_net(path)
    given = spikes_of(files.read(path), X, DT)
    spikes, membranes = read.net.run(X)
    assert (spikes[:, :, :8] == (given["cells"] > 0)).all()
    assert read.outputs.tolist() == [8, 9]
    assert not read.net.fires[8:].any()
    assert np.allclose(membranes[:, 1:, 8:], given["ends"][:, :-1], atol=1e-5)  # one step later
    assert read.readout == "membrane_mean"
    assert "one step later" in read.notes[0]


def test_several_linear_nodes_are_one_and_the_last_layer_answers(tmp_path: Path) -> None:
    nodes = {"a": weights(3, 5, 4.0), "b": weights(8, 3, 3.0), "first": lif(8), "c": weights(4, 8, 6.0), "last": lif(4)}
    edges = [("in", "a"), ("a", "b"), ("b", "first"), ("first", "c"), ("c", "last"), ("last", "out")]
    path = written(tmp_path, nodes, edges, 4)
    read, given = read_net(path), spikes_of(files.read(path), X, DT)
    spikes, _ = read.net.run(X)
    assert read.outputs.tolist() == [8, 9, 10, 11]
    assert given["last"].sum() > 10
    assert (spikes[:, :, :8] == (given["first"] > 0)).all()
    assert (spikes[:, 1:, 8:] == (given["last"][:, :-1] > 0)).all()


@pytest.mark.parametrize(
    ("nodes", "edges", "words"),
    [
        (loop(cells=nir.IF(np.ones(8), np.ones(8))), LOOP, "node cells is of kind IF; a chip takes LIF"),
        (loop(cells=lif(8, v_leak=np.ones(8))), LOOP, "node cells rests or is reset at another membrane than 0"),
        (loop(cells=lif(8, v_reset=-np.ones(8))), LOOP, "node cells rests or is reset at another membrane than 0"),
        (loop(cells=lif(8, v_threshold=np.zeros(8))), LOOP, "a threshold of node cells is not above 0"),
        (loop(cells=lif(8, tau=np.full(8, 0.0005))), LOOP, "shorter than a step of 0.001 s"),
        (loop(back=nir.Affine(np.ones((8, 8)), np.ones(8))), LOOP, "node back has a bias"),
        (loop(w=nir.Linear(np.full((8, 5), np.nan))), LOOP, "node w has weights that are no numbers"),
        (loop(cells=lif(8, tau=np.zeros(8))), LOOP, "tau or r of node cells is no number above 0"),
        (loop(cells=li(8)), LOOP, "has no spiking neurons"),
        (loop(), LOOP, "does not say which neurons are its output units; say how many of the last: --outputs 10"),
    ],
)
def test_what_a_chip_cannot_be_is_refused(nodes: Any, edges: Any, words: str, tmp_path: Path) -> None:
    path = written(tmp_path, nodes, edges, 8)
    with pytest.raises(ValueError, match=words) as refused:
        read_net(path)
    assert str(refused.value).startswith(str(path))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"dt": 0.0}, r"its dt = 0\.0 s is no length of a time step; say how long one is: --dt 0\.001"),
        ({"dt": -0.001}, r"its dt = -0\.001 s is no length"),
        ({"dt": np.nan}, "its dt = nan s is no length"),
        ({"dt": "soon"}, "dt of its metadata holds what is no number"),
        ({"dt": np.ones(2)}, "dt has 2 values"),
        ({"outputs": np.array([6, 7, 6])}, "outputs names a neuron twice"),
        ({"outputs": np.array([], dtype=int)}, "outputs names 0 of its 8 neurons; name one or more"),
        ({"outputs": np.arange(8)}, "outputs names 8 of its 8 neurons; name one or more, and leave some"),
        ({"outputs": np.array([8])}, "outputs names neurons that are not among its 8"),
        ({"outputs": np.array([0.5])}, "outputs names neurons that are not among its 8"),
        ({"membrane_scale": np.zeros(8)}, "a membrane_scale is no number above 0"),
        ({"membrane_scale": np.full(8, np.nan)}, "a membrane_scale is no number above 0"),
    ],
)
def test_metadata_that_cannot_be_are_refused(facts: dict[str, Any], words: str, tmp_path: Path) -> None:
    graph = files.read(written(tmp_path, loop(), LOOP, 8))
    graph.metadata = {"outputs": np.array([6, 7])} | facts
    files.write(tmp_path / "other.nir", graph)
    with pytest.raises(ValueError, match=words) as refused:
        read_net(tmp_path / "other.nir")
    assert str(refused.value).startswith(str(tmp_path / "other.nir"))


@pytest.mark.parametrize("dt", [0.0, -1.0, np.inf, np.nan])
def test_a_step_that_is_given_is_a_time(tmp_path: Path, dt: float) -> None:
    with pytest.raises(ValueError, match=r"the dt = .* s is no length of a time step"):
        read_net(written(tmp_path, loop(), LOOP, 8), outputs=2, dt=dt)


def test_outputs_beyond_the_net_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, loop(), LOOP, 8)
    with pytest.raises(ValueError, match="outputs = 8 must be between 1 and 7"):
        read_net(path, outputs=8)


def test_damaged_files_are_read_or_refused_in_words(tmp_path: Path) -> None:
    sound = written(tmp_path, loop(), LOOP, 8).read_bytes()
    chance, read, refused = np.random.default_rng(0), 0, list[str]()
    for number in range(150):
        data = bytearray(sound)
        place, size = int(chance.integers(len(data))), int(chance.integers(1, 200))
        if number % 3 == 0:
            data = data[:place]
        elif number % 3 == 1:
            data[place] = int(chance.integers(256))
        else:
            data[place : place + size] = bytes(size)
        (tmp_path / "damaged.nir").write_bytes(data)
        try:
            net = read_net(tmp_path / "damaged.nir", outputs=2).net
        except ValueError as error:
            refused.append(str(error))
        else:
            read += 1
            assert np.isfinite(net.fan_in).all()
            assert np.isfinite(net.recurrent).all()
    assert all("damaged.nir" in words or "outputs" in words for words in refused)
    assert read > 0
    assert len(refused) > 50
