"""Read-outs in closed form against least squares by another way, one neuron at a time."""

from __future__ import annotations

import pytest
import torch

from smalti.model.growth.regression import Regression

RIDGE = 0.01


def data(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    chance = torch.Generator().manual_seed(seed)
    x = torch.randn(200, 6, generator=chance).double()
    x[:, 5] = x[:, 0] + 0.3 * x[:, 1]  # says nothing that those two do not
    y = x @ torch.randn(6, 2, generator=chance).double() + torch.randn(200, 2, generator=chance).double()
    return x, y, torch.rand(200, generator=chance).double()


def objective(x: torch.Tensor, y: torch.Tensor, w: torch.Tensor, chosen: list[int]) -> tuple[float, torch.Tensor]:
    """Of the best read-out: ridge regression as least squares with further rows."""
    root = (w / w.sum()).sqrt()[:, None]
    rows = torch.cat([x[:, chosen] * root, RIDGE**0.5 * torch.eye(len(chosen), dtype=torch.float64)])
    wanted = torch.cat([y * root, torch.zeros(len(chosen), 2, dtype=torch.float64)])
    best = torch.linalg.lstsq(rows, wanted).solution
    return float((rows @ best - wanted).square().sum()), best


def test_gains_are_what_the_objective_falls_by_and_weights_are_the_best() -> None:
    x, y, w = data()
    halves = [tuple(part[half] for part in (x, y, w)) for half in (slice(0, 70), slice(70, None))]
    found = Regression.of(halves, RIDGE)
    before = found.power
    assert before == pytest.approx(float(((w / w.sum())[:, None] * y.square()).sum()))
    for _ in range(4):
        gains = found.gains()
        for place in set(range(6)) - set(found.taken):
            after = objective(x, y, w, [*found.taken, place])[0]
            assert float(gains[place]) == pytest.approx(before - after, abs=1e-9)
        found.take(int(gains.argmax()))
        before, best = objective(x, y, w, found.taken)
        torch.testing.assert_close(found.weights(), best)
    assert found.gains()[found.taken].tolist() == [0, 0, 0, 0]


def test_a_neuron_that_repeats_others_is_worth_nothing_beside_them() -> None:
    x, y, w = data()
    found = Regression.of([(x, y, w)], 1e-9)
    found.take(0)
    found.take(1)
    assert float(found.gains()[5]) < 1e-6 < float(found.gains()[2])


def test_a_copy_has_taken_nobody() -> None:
    found = Regression.of([data()], RIDGE)
    first = found.gains()
    found.take(2)
    assert torch.equal(found.copy().gains(), first)
    assert found.copy().weights().shape == (0, 2)
