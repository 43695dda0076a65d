from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchmarks.engines.peers import verification
from benchmarks.engines.peers.layer import Layer
from benchmarks.engines.peers.registry import build
from benchmarks.engines.peers.verification import deviation, farthest, reference


def layer() -> Layer:
    g = torch.Generator().manual_seed(3)
    into, between, out = (torch.randn(shape, generator=g) for shape in [(6, 16), (16, 16), (16, 3)])
    return Layer(into, between / 4, out, torch.arange(16) // 8, leak=0.9)


def data() -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(4)
    return (torch.rand(20, 12, 6, generator=g) < 0.2).float(), torch.randint(0, 3, (12,), generator=g)


@pytest.mark.parametrize("name", ["torch-dense", "torch-blocks"])
def test_rounding_is_all_that_is_apart(name: str) -> None:
    right = reference(layer(), *data())
    assert right.x.shape[1] == verification.TAKEN
    apart = deviation(build(name, layer()), right)
    assert 0 < apart.gradients < 1e-5
    assert apart.within(1e-5)


@pytest.mark.parametrize("wrong", [{"leak": 0.89}, {"threshold": 1.02}, {"weight_out": 1.01 * layer().weight_out}])
def test_another_network_is_found_out(wrong: dict[str, float | Tensor]) -> None:
    made = build("torch-blocks", replace(layer(), **wrong))
    assert not deviation(made, reference(layer(), *data())).within(made.tolerance)


def test_a_gradient_that_is_wrong_is_found_out() -> None:
    made, right = build("plain", layer()), reference(layer(), *data())
    given = made.gradients(right.x, right.target)
    half = replace(given, weight_rec=0.5 * given.weight_rec)
    made.gradients = lambda x, target: half  # type: ignore[method-assign]
    apart = deviation(made, right)
    assert apart.loss < 1e-6
    assert apart.gradients == pytest.approx(0.5, rel=1e-4)


def test_samples_far_from_the_threshold_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """One neuron that hears its input alone: how near it comes is known."""
    monkeypatch.setattr(verification, "TAKEN", 2)
    one = torch.ones(1, 1)
    alone = Layer(one, 0 * one, one, torch.zeros(1, dtype=torch.int64), leak=0.5)
    x = torch.tensor([0.99, 0.2, 1.01, 0.5]).reshape(1, 4, 1)
    assert farthest(alone, x).tolist() == [1, 3]
