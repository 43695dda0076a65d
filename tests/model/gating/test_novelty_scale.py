from __future__ import annotations

import pytest
import torch
from torch import Tensor

from smalti.model.gating.density import Fit, fit
from smalti.model.gating.novelty_scale import FIRST, Yardstick


def samples(n: int) -> Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(n), dtype=torch.float64)


def fresh() -> Yardstick:
    z = torch.zeros(4, dtype=torch.float64)
    return Yardstick(mean=z, basis=torch.zeros(4, 2, dtype=torch.float64), values=z[:2])


def fitted(x: Tensor) -> Fit:
    return fit(len(x), x.sum(0), x.T @ x, 2)


def test_is_due_first_and_at_each_doubling() -> None:
    yardstick = fresh()
    due = []
    for n in range(1, 40):
        if yardstick.due(n):
            due.append(n)
            yardstick.renew(fitted(samples(n)), n, 0.7)
    assert due == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]


def test_measures_nothing_before_the_first_fit() -> None:
    yardstick = fresh()
    yardstick.measure(samples(5))
    assert yardstick.measured == 0
    assert yardstick.sum1 == 0.0


def test_moments_are_weighted_ones_of_all_distances() -> None:
    yardstick = fresh()
    yardstick.renew(fitted(samples(20)), 20, 0.7)
    x = samples(11)
    for part in (x[:3], x[3:4], x[4:4], x[4:]):
        yardstick.measure(part)
    m = yardstick.distance(x)
    i = torch.arange(1, 12, dtype=torch.float64)
    w = i * (i + 1) / (i * (i + 1)).sum()
    mean = float((w * m).sum())
    deviation = float((w * (m - mean) ** 2).sum().sqrt())
    assert yardstick.moments() == pytest.approx((mean, deviation))
    assert yardstick.measured == 11
