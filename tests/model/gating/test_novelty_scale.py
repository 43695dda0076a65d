from __future__ import annotations

import pytest
import torch
from torch import Tensor

from smalti.model.gating.densities.density import Fit, fit
from smalti.model.gating.novelty_scale import FIRST, NoveltyScale


def samples(n: int) -> Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(n), dtype=torch.float64)


def fresh() -> NoveltyScale:
    z = torch.zeros(4, dtype=torch.float64)
    return NoveltyScale(mean=z, basis=torch.zeros(4, 2, dtype=torch.float64), values=z[:2])


def fitted(x: Tensor) -> Fit:
    return fit(len(x), x.sum(0), x.T @ x, 2)


def test_is_due_first_and_at_each_doubling() -> None:
    novelty_scale = fresh()
    due = []
    for n in range(1, 40):
        if novelty_scale.due(n):
            due.append(n)
            novelty_scale.renew(fitted(samples(n)), n, 0.7)
    assert due == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]


def test_measures_nothing_before_the_first_fit() -> None:
    novelty_scale = fresh()
    novelty_scale.measure(samples(5))
    assert novelty_scale.measured == 0
    assert novelty_scale.sum1 == 0.0


def test_moments_are_weighted_ones_of_all_distances() -> None:
    novelty_scale = fresh()
    novelty_scale.renew(fitted(samples(20)), 20, 0.7)
    x = samples(11)
    for part in (x[:3], x[3:4], x[4:4], x[4:]):
        novelty_scale.measure(part)
    m = novelty_scale.distance(x)
    i = torch.arange(1, 12, dtype=torch.float64)
    w = i * (i + 1) / (i * (i + 1)).sum()
    mean = float((w * m).sum())
    deviation = float((w * (m - mean) ** 2).sum().sqrt())
    assert novelty_scale.moments() == pytest.approx((mean, deviation))
    assert novelty_scale.measured == 11
