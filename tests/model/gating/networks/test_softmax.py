from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from smalti.model.gating import GatingOptions
from smalti.model.gating.learned import LearnedGateOptions
from smalti.model.gating.networks.softmax import SoftmaxGating

RATES = torch.tensor([[9.0, 1, 1, 1], [1.0, 9, 1, 1], [1.0, 1, 9, 1]])


def gate(experts: int = 3, **learned: object) -> SoftmaxGating:
    g = SoftmaxGating(GatingOptions(network="softmax", learned=LearnedGateOptions(**learned)), 4)  # type: ignore[arg-type]
    for e in range(experts):
        g.assignment.assign(e, [e])
    g._widen()  # as the first samples do
    return g


def draw(labels: Tensor, seed: int) -> Tensor:
    return torch.poisson(RATES[labels], generator=torch.Generator().manual_seed(seed)).double()


def task(kind: int, samples: int = 40) -> Tensor:
    return torch.full((samples,), kind)


def accuracy(g: SoftmaxGating) -> list[float]:
    return [float((g.scores(draw(task(k, 200), 99)).argmax(1) == k).double().mean()) for k in range(3)]


@pytest.mark.parametrize("hidden", [0, 8])
def test_it_learns_who_serves_whom_from_mixed_batches(hidden: int) -> None:
    g = gate(hidden=hidden)
    for batch in range(8):
        labels = torch.arange(60) % 3
        g.observe(draw(labels, batch), labels, 0)
    assert min(accuracy(g)) > 0.95


def sequence(g: SoftmaxGating) -> list[float]:
    for kind in range(3):
        for batch in range(8):
            g.observe(draw(task(kind), batch), task(kind), kind)
    return accuracy(g)


def test_in_sequence_it_forgets_unless_it_rehearses() -> None:
    assert sequence(gate(hidden=0))[:2] == pytest.approx([0.0, 0.0], abs=0.3)
    assert min(sequence(gate(hidden=0, rehearsal=60))) > 0.9


def test_balancing_adds_up_gates_and_shuts_who_is_far_above_the_mean() -> None:
    g = gate(balance="eigen", margin=5.0, steps=1)
    labels = task(0, 12)
    g.observe(draw(labels, 0), labels, 0)  # a fresh gate: a third each
    assert g._totals.tolist() == pytest.approx([4.0, 4.0, 4.0])
    g._totals = torch.tensor([10.0, 3.0, 2.0], dtype=torch.float64)  # mean 5; the first is not above 10
    assert g._shut().tolist() == [False, False, False]
    g._totals = torch.tensor([11.0, 3.0, 1.0], dtype=torch.float64)
    assert g._shut().tolist() == [True, False, False]
    logits = torch.tensor([[2.0, 1.0, 0.0]], dtype=torch.float64)
    g._balance(logits, g._shut())
    share = 1.0 / (1.0 + math.exp(-1.0))  # of the second, the first being shut
    assert g._totals.tolist() == pytest.approx([11.0, 3.0 + share, 1.0 + 1.0 - share])


def test_samples_of_an_expert_that_is_shut_teach_nothing() -> None:
    g = gate(balance="eigen", margin=5.0)
    g._totals = torch.tensor([50.0, 0.0, 0.0], dtype=torch.float64)
    before = [w.clone() for w in g._learner.weights]
    g.observe(draw(task(0), 0), task(0), 0)
    assert all(torch.equal(a, b) for a, b in zip(before, g._learner.weights, strict=True))
    g.observe(draw(task(1), 0), task(1), 0)
    assert not all(torch.equal(a, b) for a, b in zip(before, g._learner.weights, strict=True))


def test_a_bias_moves_against_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smalti.model.gating.networks.softmax.BIAS_STEP", 0.5)
    g = gate(balance="loss_free")
    logits = torch.tensor([[2.0, 1.0, 0.0]] * 2 + [[0.0, 1.0, 0.0]], dtype=torch.float64)  # loads 2, 1, 0; mean 1
    nobody = torch.zeros(3, dtype=torch.bool)
    g._balance(logits, nobody)
    assert g._bias.tolist() == [-0.5, 0.0, 0.5]
    g._balance(logits, nobody)  # biased logits: 1.5, 1, .5 twice and -.5, 1, .5
    assert g._bias.tolist() == [-1.0, 0.0, 1.0]
    assert g.scores(torch.zeros(1, 4).double())[0].tolist() == pytest.approx(
        torch.tensor([-1.0, 0.0, 1.0]).log_softmax(0).tolist()
    )


def test_a_new_expert_begins_with_a_logit_of_nothing() -> None:
    g, x = gate(2), draw(task(0), 0)
    g.observe(x, task(0), 0)
    logits = g.scores(x) - g.scores(x).logsumexp(1, keepdim=True)
    g.assignment.assign(2, [2])
    wider = g.scores(x)
    torch.testing.assert_close(wider[:, 0] - wider[:, 1], logits[:, 0] - logits[:, 1])


def test_samples_without_an_expert_are_seen_and_teach_nothing() -> None:
    g = gate(2)
    g.observe(draw(task(2), 0), task(2), 0)
    assert g.classes == (2,)
    assert torch.allclose(g.scores(draw(task(2), 0)).exp(), torch.full((40, 2), 0.5).double())


def test_doubt_is_no_novelty_while_there_is_one_expert() -> None:
    g = gate(1)
    assert g.novelty(draw(task(0), 0)) == math.inf
    g.observe(draw(task(0), 0), task(0), 0)
    assert g.novelty(draw(task(2), 0)) == 0.0


def test_what_is_held() -> None:
    g = gate(hidden=0, rehearsal=25)
    weights = 4 * 3 + 3
    assert g.stored_values == 3 * weights + 1 + 2 * 3 + 3 + 2 * 3
    g.observe(draw(task(0), 0), task(0), 0)
    assert g.stored_values == 3 * weights + 1 + 2 * 3 + 3 + 2 * 3 + 25 * 5
    assert g.adds_per_sample == weights + 6
    assert g.multiplications_per_sample == 4 * 3
