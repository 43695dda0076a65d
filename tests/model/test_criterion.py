"""Losses at single steps against sums by hand, and what growth is told of their curvature."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from smalti.model.criterion import CRITERIA

SQUARED, ENTROPY = CRITERIA["squared_error"], CRITERIA["cross_entropy"]


def test_a_squared_error_is_the_weighted_mean_over_the_steps_that_are_asked() -> None:
    outputs = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]]])
    targets = torch.zeros(1, 3, 2)
    weights = torch.tensor([[1.0, 3.0, 0.0]])
    assert SQUARED.losses(outputs, targets, weights).tolist() == [(1 * 1 + 3 * 4) / 4]


def test_cross_entropy_at_one_step_is_that_of_the_label() -> None:
    outputs = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 2, 1, 1, 0])
    targets = torch.nn.functional.one_hot(labels, 3)[:, None].expand(5, 4, 3).float()
    weights = torch.zeros(5, 4)
    weights[:, 2] = 7.0
    expected = cross_entropy(outputs[:, 2], labels, reduction="none")
    torch.testing.assert_close(ENTROPY.losses(outputs, targets, weights), expected)


@pytest.mark.parametrize("criterion", CRITERIA.values(), ids=CRITERIA)
def test_outputs_come_back_from_what_they_expect(criterion: object) -> None:
    outputs = torch.randn(3, 4, generator=torch.Generator().manual_seed(1)).double()
    again = criterion.outputs(criterion.expected(outputs))  # type: ignore[attr-defined]
    torch.testing.assert_close(criterion.expected(again), criterion.expected(outputs))  # type: ignore[attr-defined]


def test_the_information_of_a_square_is_its_curvature_over_its_squared_slope() -> None:
    """Of (z - y)^2: curvature 2, slope 2 (z - y)."""
    distance = torch.tensor([0.5, 1.0, 3.0])
    assert SQUARED.information(distance.square()).tolist() == pytest.approx((2 / (2 * distance) ** 2).tolist())


def test_a_share_of_a_square_is_worth_that_share_and_of_entropy_half_a_nat() -> None:
    assert 0.5 * float(SQUARED.worth(torch.tensor([0.2, 0.4]))) == pytest.approx(0.3)  # all of the mean loss
    assert 0.5 * float(ENTROPY.worth(torch.tensor([0.2, 0.4]))) == 0.5
    assert ENTROPY.information(torch.tensor([math.log(2)])).tolist() == pytest.approx([1.0])
