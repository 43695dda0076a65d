from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from smalti.model.gating import GatingOptions
from smalti.model.gating.densities import scatter
from smalti.model.gating.densities.scatter import FullScatter, LowRankScatter, fresh_scatter, scatter_values
from smalti.model.gating.networks.gaussian import GaussianGating

FEATURES, RANK = 60, 5


def samples(n: int, seed: int = 0, features: int = FEATURES) -> Tensor:
    """Samples about a mean, most of whose variance lies in few directions."""
    g = torch.Generator().manual_seed(seed)
    mixing = torch.randn(features, features, generator=g, dtype=torch.float64)
    spread = 2.0 ** -torch.arange(features, dtype=torch.float64)
    noise = 0.05 * torch.randn(n, features, generator=g, dtype=torch.float64)
    return (torch.randn(n, features, generator=g, dtype=torch.float64) * spread) @ mixing + noise + 3.0


def both(n: int, batch: int) -> tuple[FullScatter, LowRankScatter]:
    zeros = torch.zeros(FEATURES, dtype=torch.float64)
    full, low = FullScatter(zeros), LowRankScatter(zeros.clone(), RANK)
    for part in samples(n).split(batch):
        full.add(part)
        low.add(part)
    return full, low


@pytest.mark.parametrize("batch", [1, 3, 7, 30])
def test_few_samples_are_fitted_exactly(batch: int) -> None:
    full, low = both(30, batch)
    whole, few = full.fit(RANK), low.fit(RANK)
    torch.testing.assert_close(few.mean, whole.mean)
    torch.testing.assert_close(few.values, whole.values)
    assert few.trace == pytest.approx(whole.trace)
    torch.testing.assert_close(few.basis @ few.basis.T, whole.basis @ whole.basis.T)


@pytest.mark.parametrize("batch", [1, 16, 500])
def test_many_samples_are_fitted_in_the_same_directions_and_their_mean_and_trace_exactly(batch: int) -> None:
    full, low = both(500, batch)
    whole, few = full.fit(RANK), low.fit(RANK)
    torch.testing.assert_close(few.mean, whole.mean)
    assert few.trace == pytest.approx(whole.trace)
    torch.testing.assert_close(few.values, whole.values, rtol=0.01, atol=0.0)
    assert torch.linalg.svdvals(few.basis.T @ whole.basis).min() > 0.999
    assert low.rows.shape == (8 * RANK, FEATURES)


def test_directions_that_no_sample_has_shown_are_zero() -> None:
    low = LowRankScatter(torch.zeros(FEATURES, dtype=torch.float64), RANK)
    low.add(samples(1))
    assert not low.fit(RANK).values.any()
    low.add(samples(2))
    few = low.fit(RANK)
    assert int((few.values > 0).sum()) == 2
    kept = few.basis[:, :2]
    torch.testing.assert_close(kept.T @ kept, torch.eye(2, dtype=torch.float64))


def test_a_state_goes_on_as_it_was() -> None:
    x = samples(300, seed=3)
    whole = LowRankScatter(torch.zeros(FEATURES, dtype=torch.float64), RANK)
    whole.add(x[:150])
    again = LowRankScatter(whole.total.clone(), RANK, count=whole.count)
    again.load_state_dict({name: value.clone() for name, value in whole.state_dict().items()})
    for one in (whole, again):
        one.add(x[150:])
    assert torch.equal(whole.rows, again.rows)
    assert whole.fit(RANK).trace == again.fit(RANK).trace


def test_memory_grows_with_features_and_not_with_their_square(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(fresh_scatter(scatter.MANY, 16), FullScatter)
    assert isinstance(fresh_scatter(scatter.MANY + 1, 16), LowRankScatter)
    assert scatter_values(4000, 16) < 2.01 * scatter_values(2000, 16)
    for features in (40, 600):
        made = fresh_scatter(features, 16)
        held = sum(value.numel() for value in made.state_dict().values()) + features + 1
        assert scatter_values(features, 16) == held


def test_a_gate_of_many_channels_answers_as_with_whole_scatters(monkeypatch: pytest.MonkeyPatch) -> None:
    g = torch.Generator().manual_seed(0)
    rates = 6.0 * torch.rand(4, 80, generator=g, dtype=torch.float64)
    labels = torch.randint(0, 4, (1200,), generator=g)
    x = torch.poisson(rates[labels] * (0.5 + torch.rand(1200, 1, generator=g)), generator=g)
    answers = []
    for many in (512, 40):
        monkeypatch.setattr(scatter, "MANY", many)
        gate = GaussianGating(GatingOptions(rank=8), 80)
        for a, b in pairwise(range(0, 801, 32)):
            gate.observe(x[a:b], labels[a:b], 0)
        gate.assignment.assign(0, [0, 1])
        gate.assignment.assign(1, [2, 3])
        kept = {name: value.clone() for name, value in gate.state_dict().items()}
        again = GaussianGating(GatingOptions(rank=8), 80)
        again.load_state_dict(kept)
        assert torch.equal(again.scores(x), gate.scores(x))
        answers.append((gate.class_scores(x[800:]).argmax(1), gate.novelty(x[800:])))
    (whole, novelty), (few, other) = answers
    assert (whole == few).float().mean() > 0.99
    assert other == pytest.approx(novelty, abs=0.05)
