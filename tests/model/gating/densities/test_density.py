from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from smalti.model.gating.densities.density import FLOOR, fit, kept_rank, mahalanobis, noise_floor, terms


def samples(n: int, features: int, seed: int = 0) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    mixing = torch.randn(features, features, generator=g, dtype=torch.float64)
    return torch.randn(n, features, generator=g, dtype=torch.float64) @ mixing + 3.0


def test_distance_is_that_of_the_full_covariance_it_stands_for() -> None:
    x = samples(50, 7)
    f = fit(50, x.sum(0), x.T @ x, 3)
    h = 0.4
    kept = f.basis @ torch.diag(f.values.clamp_min(h) - h) @ f.basis.T
    covariance = kept + h * torch.eye(7, dtype=torch.float64)
    z = x - x.mean(0)
    expected = ((z @ torch.linalg.inv(covariance)) * z).sum(1)
    torch.testing.assert_close(mahalanobis(x, f.mean, f.basis, f.values, h), expected)


def test_fit_holds_the_largest_eigenpairs_of_the_covariance() -> None:
    x = samples(40, 6)
    f = fit(40, x.sum(0), x.T @ x, 3)
    covariance = torch.cov(x.T, correction=0)
    torch.testing.assert_close(f.mean, x.mean(0))
    torch.testing.assert_close(f.values, torch.linalg.eigvalsh(covariance).flip(0)[:3])
    torch.testing.assert_close(covariance @ f.basis, f.basis * f.values)
    assert f.trace == pytest.approx(float(covariance.trace()))


def test_rank_stops_at_half_of_the_features() -> None:
    assert [kept_rank(16, d) for d in (1, 2, 3, 31, 32, 64)] == [0, 1, 1, 15, 16, 16]


def test_noise_floor_by_hand() -> None:
    # two features, one direction kept: variances (4, 1) and (9, 3)
    first, second = (torch.tensor(v, dtype=torch.float64).sqrt() for v in ([4.0, 1.0], [9.0, 3.0]))
    corners = torch.tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]], dtype=torch.float64)
    fits = [fit(4, (x := corners * scale).sum(0), x.T @ x, 1) for scale in (first, second)]
    assert noise_floor(fits, [4, 4], 1.0) == pytest.approx((1 + 3) / 2)
    assert noise_floor(fits, [4, 4], 0.0) == pytest.approx((2.5 + 6) / 2)
    assert noise_floor(fits, [4, 4], 0.7) == pytest.approx(0.7 * 2 + 0.3 * 4.25)
    assert noise_floor(fits, [4, 2], 1.0) == pytest.approx((3 * 1 + 1 * 3) / 4)  # weighted by n - 1
    assert noise_floor(fits, [4, 1], 1.0) == pytest.approx(1.0)  # one sample has no say


@pytest.mark.parametrize("features", [1, 2, 5])
def test_one_sample_falls_back_on_the_least_variance(features: int) -> None:
    x = torch.full((1, features), 2.0, dtype=torch.float64)
    f = fit(1, x.sum(0), x.T @ x, 16)
    h = noise_floor([f], [1], 0.7)
    assert h == FLOOR
    distance = mahalanobis(x + 0.1, f.mean, f.basis, f.values, h)
    assert float(distance) == pytest.approx(features * 0.01 / FLOOR)
    assert math.isfinite(f.trace)


@pytest.mark.parametrize("floor", [0.05, 0.4, 3.0])
def test_terms_give_the_distance_for_every_variance_that_separates_the_same_directions(floor: float) -> None:
    x = samples(50, 7)
    f = fit(50, x.sum(0), x.T @ x, 3)
    wide = int((f.values > floor).sum())
    kept = terms(x + 0.1, f, wide)
    for h in (floor, floor * 1.0001):
        expected = mahalanobis(x + 0.1, f.mean, f.basis, f.values, h)
        torch.testing.assert_close(kept.beyond / h + kept.along, expected, rtol=1e-10, atol=1e-10)


def test_terms_take_the_memory_that_they_tell_for_a_fit_out_of_date_is_gone() -> None:
    x = samples(50, 7)
    f = fit(50, x.sum(0), x.T @ x, 3)
    kept = terms(x, f, 2)
    assert kept.fit() is f
    assert kept.bytes == 2 * 50 * 8
    del f
    assert kept.fit() is None
