from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from smalti.model.growth.saturation import effective_dimension, fisher_trace, measure
from smalti.model.neuron import NetworkOptions

OPTIONS = NetworkOptions(precision="float64", engine="dense")


def counts_of(spectrum: list[float], samples: int = 400) -> torch.Tensor:
    """Counts [n, B] whose covariance has exactly these eigenvalues, turned by a random rotation."""
    chance, n = np.random.default_rng(3), len(spectrum)
    basis, _ = np.linalg.qr(np.c_[np.ones(samples), chance.normal(size=(samples, n))])  # sums to 0 but the first
    rotation, _ = np.linalg.qr(chance.normal(size=(n, n)))
    return torch.from_numpy(5 + rotation @ np.diag(np.sqrt(spectrum)) @ basis[:, 1:].T)


@pytest.mark.parametrize(
    ("spectrum", "expected"),
    [([1, 1, 1, 1], 4.0), ([4, 0, 0, 0], 1.0), ([2, 2, 0, 0], 2.0), ([3, 1], 1.6), ([7], 1.0)],
)
def test_effective_dimension_of_known_spectra(spectrum: list[float], expected: float) -> None:
    assert effective_dimension(counts_of(spectrum)) == pytest.approx(expected)


def test_effective_dimension_of_nothing_is_0() -> None:
    assert effective_dimension(torch.zeros(3, 8)) == 0
    assert effective_dimension(torch.full((3, 8), 2.0)) == 0
    assert effective_dimension(torch.zeros(0, 8)) == 0


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_the_fisher_trace_is_that_of_autograd_sample_by_sample(site: Callable[..., Any], engine: str) -> None:
    if engine == "events":
        pytest.importorskip("numba")
    place = site(replace(OPTIONS, engine=engine), batch=6)
    network, state = place.network, place.network.state
    state.frozen[:, ::3] = state.mask[:, ::3]
    alive = torch.nonzero(state.alive).flatten()
    members = alive[::2]
    counted = state.mask & ~state.frozen
    columns = torch.zeros(network.fabric.neurons, dtype=torch.bool)
    columns[members] = True
    counted &= columns.view(network.fabric.tiles, 1, -1)
    expected = 0.0
    for sample in range(6):
        logits = network.read(network.run(place.x[sample : sample + 1], place.outputs))
        loss = torch.nn.functional.cross_entropy(logits, place.target[sample : sample + 1])
        (gradient,) = torch.autograd.grad(loss, state.weight)
        expected += float(gradient[counted].square().sum()) / 6
    assert expected > 0
    assert fisher_trace(network, place.probe(), members) == pytest.approx(expected, rel=1e-9)


def test_a_measurement_looks_at_hidden_neurons_and_at_members(site: Callable[..., Any]) -> None:
    place = site(OPTIONS)
    hidden = torch.nonzero(place.network.state.alive & ~place.network.state.output).flatten()
    probe = place.probe()
    found = measure(place.network, probe, hidden, place.outputs)
    assert found.dimension == effective_dimension(probe.counts[hidden])
    assert found.fisher == fisher_trace(place.network, probe, place.outputs)
    assert 1 < found.dimension < len(hidden)
