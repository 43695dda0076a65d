from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.rules import GROWTH_RULES
from smalti.model.growth.rules.whitened import whitened_directions
from smalti.model.growth.signal import TileSignal, Traces
from smalti.model.neuron import NetworkOptions
from smalti.model.probe import DenseProbe, Kernel

EXACT = NetworkOptions(precision="float64")


def signal(moment: Tensor, covariance: Tensor) -> TileSignal:
    """A signal of these matrices; its spikes and adjoints are not looked at."""
    q, p = moment.shape
    nothing = torch.zeros(4, 0, 2, dtype=moment.dtype)
    return TileSignal(
        tile=3,
        sources=torch.arange(p),
        new=torch.zeros(p, dtype=torch.bool),
        targets=torch.arange(q),
        drive=nothing,
        delta=nothing,
        moment=moment,
        covariance=covariance,
        loss=torch.zeros(2),
        traces=Traces(DenseProbe(nothing, nothing, nothing, torch.zeros(2)), Kernel(0.9)),
        distance=torch.ones(p),
        inputs=(),
    )


def test_directions_of_small_matrices_by_hand() -> None:
    """M = [3 4], C = diag(1, 4): M C^(-1/2) = [3 2], v = [3 2] / sqrt(13), w = C^(-1/2) v = [3 1] / sqrt(13)."""
    found = whitened_directions(
        signal(torch.tensor([[3.0, 4.0]]).double(), torch.diag(torch.tensor([1.0, 4.0]).double())), 5, ridge=1e-12
    )
    assert found.shape == (1, 2)  # one target: rank one, whatever is asked for
    assert (found[0] * found[0, 0].sign()).tolist() == pytest.approx([3 / 13**0.5, 1 / 13**0.5])


def test_orthogonal_signals_give_one_direction_each_best_first() -> None:
    moment = torch.tensor([[0.0, 5.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 9.0]]).double()
    covariance = torch.diag(torch.tensor([1.0, 25.0, 9.0]).double())  # whitened: 2, 1, 3
    found = whitened_directions(signal(moment, covariance), 2, ridge=1e-12).abs()
    expected = torch.tensor([[0, 0, 1 / 3], [1, 0, 0]]).double()
    torch.testing.assert_close(found, expected)


def random_signal(seed: int, q: int = 6, p: int = 9) -> TileSignal:
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(p, 3 * p, generator=generator, dtype=torch.float64) * torch.linspace(0.2, 3, p)[:, None]
    return signal(torch.randn(q, p, generator=generator, dtype=torch.float64), root @ root.T / (3 * p))


def test_the_top_direction_beats_two_thousand_random_ones_of_its_whitened_norm() -> None:
    for seed in range(3):
        of = random_signal(seed)
        top = whitened_directions(of, 1, ridge=1e-9)[0]
        generator = torch.Generator().manual_seed(seed)
        sphere = torch.randn(9, 2000, generator=generator, dtype=torch.float64)
        others = torch.linalg.solve(torch.linalg.cholesky(of.covariance).T, sphere / sphere.norm(dim=0))
        for w in (top, *others.T[:5]):
            assert float(w @ of.covariance @ w) == pytest.approx(1, rel=1e-6)
        reached = (of.moment @ others).norm(dim=0)
        best = (of.moment @ top).norm()
        assert best > reached.max()
        assert best < 2 * reached.max()  # a near miss of thousands, not a matter of scale


def test_directions_are_uncorrelated_on_the_probe_and_ordered() -> None:
    of = random_signal(4)
    found = whitened_directions(of, 6, ridge=1e-9)
    torch.testing.assert_close(found @ of.covariance @ found.T, torch.eye(6, dtype=torch.float64), rtol=0, atol=1e-6)
    gains = (found @ of.moment.T).norm(dim=1)
    assert (gains.diff() < 0).all()


def test_a_larger_ridge_keeps_directions_shorter() -> None:
    lengths = [float(whitened_directions(random_signal(5), 1, ridge).norm()) for ridge in (1e-6, 1e-2, 1.0)]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > 1.5 * lengths[-1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_gradient_gives_no_directions(dtype: torch.dtype) -> None:
    for q in (0, 3):
        found = whitened_directions(signal(torch.zeros(q, 4, dtype=dtype), torch.eye(4, dtype=dtype)), 5, 1e-3)
        assert found.shape == (0, 4)
        assert found.dtype == dtype


def test_rounding_does_not_count_as_rank() -> None:
    generator = torch.Generator().manual_seed(6)
    moment = torch.outer(torch.rand(8, generator=generator), torch.rand(10, generator=generator))
    assert whitened_directions(signal(moment, torch.eye(10)), 4, 1e-3).shape == (1, 10)


def test_a_single_wire_is_weighed_by_its_power() -> None:
    found = whitened_directions(signal(torch.tensor([[2.0], [0.0]]), torch.tensor([[4.0]])), 3, ridge=1e-9)
    assert found.abs().tolist() == [[pytest.approx(0.5)]]


def test_silent_wires_get_no_weight() -> None:
    moment = torch.tensor([[1.0, 0.0, 2.0]]).double()
    covariance = torch.diag(torch.tensor([1.0, 0.0, 1.0]).double())
    found = whitened_directions(signal(moment, covariance), 1, ridge=1e-3)
    assert found[0, 1] == 0
    assert found[0, 0] != 0
    silent = signal(torch.zeros(1, 3).double(), torch.zeros(3, 3).double())
    assert whitened_directions(silent, 1, ridge=1e-3).shape == (0, 3)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["moment", "covariance"])
def test_a_signal_that_is_not_finite_raises_naming_the_tile(where: str, bad: float) -> None:
    of = random_signal(7)
    broken = getattr(of, where).clone()
    broken[0, 0] = bad
    with pytest.raises(FloatingPointError, match="growth signal of tile 3 is not finite"):
        whitened_directions(replace(of, **{where: broken}), 1, 1e-3)


def test_newborns_gain_more_gradient_than_random_ones(site: Callable[..., Any]) -> None:
    """On a real chip, over several tiles, at the same firing rate."""
    better = []
    for seed in range(4):
        place = site(EXACT, seed, batch=48)
        how = place.network.newborn_dynamics()
        for slot in place.free_slots()[::2]:
            signal_here = place.signal(slot, taps=0)
            norms = []
            for rule in ("gradmax_whitened", "random"):
                made = GROWTH_RULES[rule].propose(signal_here, 6, GrowthOptions(), how, np.random.default_rng(seed))
                norms.append(made.gradient.mean(2).norm(dim=1))
            if len(norms[0]) and len(norms[1]):
                better.append(float((norms[0][0] / norms[1].mean()).log()))
    assert len(better) > 8
    assert np.mean(better) > 0.2
