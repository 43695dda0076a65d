from __future__ import annotations

import pytest
import torch
from torch import Tensor

from smalti.model.gating import GatingOptions
from smalti.model.gating.learned import LearnedGateOptions
from smalti.model.gating.learner import forward
from smalti.model.gating.networks.autoencoder import AutoencoderGating

RATES = torch.tensor([[9.0, 9, 9, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 9, 9, 9], [8.0, 10, 9, 0.1, 0.3, 0.1]])


def gate(**learned: float) -> AutoencoderGating:
    options = GatingOptions(network="autoencoder", temperature=2.0, learned=LearnedGateOptions(**learned))  # type: ignore[arg-type]
    return AutoencoderGating(options, 6)


def draw(kind: int, samples: int = 64, seed: int = 0) -> Tensor:
    return torch.poisson(RATES[kind].repeat(samples, 1), generator=torch.Generator().manual_seed(seed)).double()


def show(g: AutoencoderGating, kind: int, task: int, batches: int = 6) -> None:
    g.assignment.assign(task, [kind])
    for batch in range(batches):
        g.observe(draw(kind, seed=batch), torch.full((64,), kind), task)


def test_experts_are_a_softmax_of_the_errors_of_their_autoencoders() -> None:
    g, x = gate(hidden=3), draw(0, seed=50)
    show(g, 0, task=5)
    show(g, 1, task=2)
    f = x.sqrt()
    errors = [2.0 * (forward(g._learners[task].weights, f) - f).square().sum(1) for task in (5, 2)]
    assert g.assignment.experts == (5, 2)
    torch.testing.assert_close(g.scores(x), (-torch.stack(errors, 1) / 2.0).log_softmax(1))
    for kind in range(2):
        assert (g.scores(draw(kind, 200, 50)).argmax(1) == kind).double().mean() > 0.95


def test_tasks_of_one_expert_add_up() -> None:
    g, x = gate(), draw(0, seed=50)
    g.assignment.assign(0, [0, 1])
    g.assignment.assign(1, [2])
    for task in range(3):
        g.observe(draw(task), torch.full((64,), task), task)
    each = gate()
    for task in range(3):
        each.assignment.assign(task, [task])
        each.observe(draw(task), torch.full((64,), task), task)
    share = each.scores(x).exp()
    expected = torch.stack([share[:, 0] + share[:, 1], share[:, 2]], 1)
    torch.testing.assert_close(g.scores(x).exp(), expected)


def test_experts_that_have_seen_nothing_score_alike_or_not_at_all() -> None:
    g, x = gate(), draw(0)
    g.assignment.assign(0, [0])
    g.assignment.assign(1, [1])
    assert torch.allclose(g.scores(x).exp(), torch.full((64, 2), 0.5).double())
    show(g, 0, task=0, batches=1)
    assert torch.equal(g.scores(x).exp(), torch.tensor([[1.0, 0.0]]).double().expand(64, 2))


def test_related_tasks_are_told_from_others() -> None:
    g = gate(steps=60)
    for kind in range(3):
        show(g, kind, kind)
    related = g.relatedness(draw(2, seed=60), 2)
    assert related.keys() == {0, 1}
    assert related[0] > 0.6 > 0.0 > related[1]
    with pytest.raises(ValueError, match=r"task 7 is none of \[0, 1, 2\]"):
        g.relatedness(draw(2), 7)


def test_the_more_it_is_shown_the_better_it_reproduces() -> None:
    g = gate()
    errors = []
    for _ in range(3):
        show(g, 0, 0, batches=3)
        f = draw(0, seed=60).sqrt()
        errors.append(float((forward(g._learners[0].weights, f) - f).square().mean()))
    assert errors == sorted(errors, reverse=True)


def test_initial_weights_follow_from_the_task_alone() -> None:
    first, second = gate(steps=1), gate(steps=1)
    show(first, 0, 4, batches=1)
    show(second, 1, 0, batches=1)
    show(second, 0, 4, batches=1)
    assert torch.equal(first._learners[4].weights[0], second._learners[4].weights[0])


def test_without_hidden_units_there_is_nothing_to_learn_with() -> None:
    with pytest.raises(ValueError, match=r"gating\.learned\.hidden = 0"):
        gate(hidden=0)
