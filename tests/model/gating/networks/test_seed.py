from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from smalti.model.gating import GatingOptions
from smalti.model.gating.networks.gaussian import GaussianGating
from smalti.model.gating.networks.seed import SeedGating

OPTIONS = GatingOptions(network="seed")


def draw(label: int, width: int, samples: int = 50) -> Tensor:
    chance = torch.Generator().manual_seed(10 * label + width)
    rates = 9.0 * torch.rand(width, generator=chance, dtype=torch.float64)
    return torch.poisson(rates.repeat(samples, 1), generator=chance)


def labels(label: int, samples: int = 50) -> Tensor:
    return torch.full((samples,), label)


def two_tasks() -> SeedGating:
    """Expert 0 of 3 neurons learns classes 0 and 1, then expert 1 of 2 neurons class 2."""
    g = SeedGating(OPTIONS, 99)
    g.assignment.assign(0, [0, 1])
    g.renew({0: 3}, 0)
    for label in range(2):
        g.observe(draw(label, 3), labels(label), 0)
    g.assignment.assign(1, [2])
    g.renew({0: 3, 1: 2}, 1)
    g.observe(torch.cat([draw(2, 3), draw(2, 2)], 1), labels(2), 1)
    return g


def test_shares_are_the_mean_over_the_experts_that_hold_a_class() -> None:
    g = two_tasks()
    first = GaussianGating(OPTIONS, 3)
    for label in range(3):
        first.observe(draw(label, 3), labels(label), 0)
    x = torch.cat([draw(1, 3)[:20], draw(0, 2)[:20]], 1)
    own = (first.class_scores(x[:, :3]) / 3.0).softmax(1)
    # the second expert knows only class 2, and is sure of it
    expected = torch.stack([own[:, 0], own[:, 1], (own[:, 2] + 1.0) / 2.0], 1)
    assert g.classes == (0, 1, 2)
    torch.testing.assert_close(g.class_scores(x).exp(), expected)
    total = expected.sum(1)
    torch.testing.assert_close(
        g.scores(x).exp(), torch.stack([expected[:, :2].sum(1), expected[:, 2]], 1) / total[:, None]
    )


def test_an_expert_that_was_trained_again_forgets_and_the_others_do_not() -> None:
    g = two_tasks()
    other = g._spaces[1].state_dict()
    g.renew({0: 5, 1: 2}, 0)
    assert g.widths == {0: 5, 1: 2}
    assert g._spaces[0].classes == ()
    assert g.classes == (2,)
    assert all(torch.equal(v, other[k]) for k, v in g._spaces[1].state_dict().items())


def test_the_loss_of_densities_is_not_silent() -> None:
    g = two_tasks()
    for widths in ({0: 4, 1: 2}, {1: 2}):
        with pytest.raises(ValueError, match=r"experts \[0\] have other neurons"):
            g.renew(widths, 1)
    assert g.widths == {0: 3, 1: 2}


def test_experts_without_neurons_are_not_heard() -> None:
    g = SeedGating(OPTIONS, 99)
    g.renew({0: 0, 1: 2}, 1)
    assert g.widths == {1: 2}


def test_counts_must_have_the_neurons_of_all_experts() -> None:
    with pytest.raises(ValueError, match=r"takes \[B, 5\]"):
        two_tasks().scores(torch.zeros(2, 4))


def test_nothing_heard() -> None:
    g = SeedGating(OPTIONS, 99)
    g.assignment.assign(0, [0])
    assert g.novelty(torch.zeros(2, 0)) == math.inf
    assert torch.equal(g.scores(torch.zeros(2, 0)), torch.zeros(2, 1))
    with pytest.raises(ValueError, match="call renew and observe"):
        g.class_scores(torch.zeros(2, 0))


def test_costs_are_those_of_the_gaussians() -> None:
    g = two_tasks()
    spaces = [g._spaces[0], g._spaces[1]]
    assert g.stored_values == sum(s.stored_values for s in spaces) + 2 * 3
    assert g.adds_per_sample == sum(s.adds_per_sample for s in spaces) + 3 + 1
    assert g.multiplications_per_sample == sum(s.multiplications_per_sample for s in spaces) + 3 + 1
