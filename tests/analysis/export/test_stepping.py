"""The stepping of graphs against a neuron that was worked out by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

nir = pytest.importorskip("nir")

from smalti.analysis.export.stepping import spikes_of  # noqa: E402


def chain(*nodes: object, loop: bool = False) -> object:
    names = ["input", *(f"n{k}" for k in range(len(nodes))), "output"]
    ends = {"input": nir.Input({"input": np.array([1])}), "output": nir.Output({"output": np.array([1])})}
    edges = [*pairwise(names), *([("n1", "n0")] if loop else [])]
    return nir.NIRGraph(nodes=ends | dict(zip(names[1:-1], nodes, strict=True)), edges=edges)


def values(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=np.float64)


def test_a_leaky_integrator_and_a_threshold() -> None:
    graph = chain(nir.LI(tau=values(2.0), r=values(2.0), v_leak=values(0.0)), nir.Threshold(values(1.2)))
    given = spikes_of(graph, np.array([[[1.0], [1.0], [0.0]]]), dt=1.0)
    assert given["n0"].ravel().tolist() == [1.0, 1.5, 0.75]  # v + (2 i - v) / 2
    assert given["output"].ravel().tolist() == [0.0, 1.0, 0.0]


def test_a_spike_sets_the_membrane_back() -> None:
    cell = nir.LIF(tau=values(2.0), r=values(2.0), v_leak=values(0.0), v_threshold=values(1.2), v_reset=values(0.0))
    given = spikes_of(chain(cell), np.array([[[1.0], [1.0], [1.0], [1.0]]]), dt=1.0)
    assert given["output"].ravel().tolist() == [0.0, 1.0, 0.0, 1.0]


def test_what_leads_back_arrives_one_step_later() -> None:
    one = nir.Linear(np.array([[1.0]]))
    given = spikes_of(chain(one, nir.Affine(np.array([[2.0]]), values(1.0)), loop=True), np.ones((1, 3, 1)), dt=1.0)
    assert given["n0"].ravel().tolist() == [1.0, 4.0, 10.0]  # x + what n1 gave before, 2 n0 + 1


def test_other_nodes_are_refused() -> None:
    with pytest.raises(ValueError, match="node n0 is of kind IF"):
        spikes_of(chain(nir.IF(values(1.0), values(1.0))), np.ones((1, 1, 1)), dt=1.0)
