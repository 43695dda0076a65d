from __future__ import annotations

import math

import torch

from smalti.model.gating import GatingOptions
from smalti.model.gating.networks.random import RandomGating

SAMPLES = 4000


def gate(*experts: int) -> RandomGating:
    g = RandomGating(GatingOptions(network="random"), 6)
    for e in experts:
        g.assignment.assign(e, [2 * e, 2 * e + 1])
    g.observe(torch.zeros(2, 6), torch.tensor([0, 1]), 0)
    return g


def counts() -> torch.Tensor:
    """All different from each other, and many nearly alike."""
    n = torch.arange(SAMPLES)
    return torch.stack([n % 20, n // 20 % 20, n // 400, n * 0, n * 0 + 3, n * 0 + 1], 1).double()


def test_every_expert_is_as_often_the_best_and_the_second_best() -> None:
    ranks = gate(0, 1, 2, 7).scores(counts()).argsort(1, descending=True)
    bound = 4.0 * math.sqrt(SAMPLES * 0.25 * 0.75)
    for rank in range(4):
        shares = torch.bincount(ranks[:, rank], minlength=4)
        assert ((shares - SAMPLES / 4).abs() < bound).all(), shares


def test_shares_are_even_among_all_that_sum_to_one() -> None:
    share = gate(0, 1, 2, 7).scores(counts()).exp()
    assert torch.allclose(share.sum(1), torch.ones(SAMPLES, dtype=torch.float64))
    # a share of four has mean 1/4 and variance 3/80
    assert float((share[:, 0] - 0.25).mean().abs()) < 4.0 * math.sqrt(3 / 80 / SAMPLES)
    assert abs(float(share[:, 0].var()) - 3 / 80) < 0.005


def test_a_sample_always_draws_the_same_and_others_do_not_matter() -> None:
    g, x = gate(0, 1, 2), counts()
    assert torch.equal(g.scores(x[5:9]), g.scores(x)[5:9])
    assert torch.equal(gate(0, 1, 2).scores(x.float()), g.scores(x).float())


def test_a_further_expert_leaves_the_order_of_the_others() -> None:
    x = counts()
    two, three = gate(4, 1).scores(x), gate(4, 1, 2).scores(x)
    assert torch.allclose(two[:, 0] - two[:, 1], three[:, 0] - three[:, 1])


def test_a_class_has_its_part_of_the_expert_s_share() -> None:
    g, x = gate(1, 0), counts()  # of expert 1 no class has been observed
    assert torch.allclose(g.class_scores(x), g.scores(x)[:, 1:] - math.log(2))
