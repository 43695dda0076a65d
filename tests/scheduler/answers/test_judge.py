"""Losses and scores of answers: of classes against torch, of outputs in time against their criterion and score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from smalti.agents.expert import Expert
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.criterion import CRITERIA
from smalti.model.network import Activity, Network
from smalti.model.neuron import NetworkOptions
from smalti.scheduler.answers import evaluation, hearing
from smalti.scheduler.answers.judge import Judge
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import memory
from smalti.scheduler.streams.batches import VALIDATION
from smalti.scheduler.streams.scores import SCORES
from smalti.scheduler.streams.types import Readout
from smalti.scheduler.streams.wanted import Wanted


@pytest.fixture
def network() -> Network:
    return Network(Fabric(FabricOptions(rows=1, cols=1)), 1, NetworkOptions())


def activity(outputs: int) -> Activity:
    chance = torch.Generator().manual_seed(0)
    return Activity(torch.arange(outputs), torch.randn(7, outputs, 5, generator=chance), torch.zeros(16, 5))


def test_classes_are_judged_by_their_logits(network: Network) -> None:
    judge, expert = Judge(network), Expert(0, (4, 2, 7), 0, (0, 1, 2), sets=[[4, 2, 7]])
    wanted = Wanted(torch.tensor([2, 4, 4, 7, 2]))
    answers, places = judge.answers(activity(3)), torch.tensor([1, 0, 0, 2, 1])
    torch.testing.assert_close(answers, activity(3).membrane.mean(0).T)
    torch.testing.assert_close(judge.losses(expert, answers, wanted), cross_entropy(answers, places, reduction="none"))
    assert judge.score(expert, answers, wanted) == pytest.approx(float((answers.argmax(1) == places).double().mean()))
    assert judge.criterion.unit == "nats"
    weighed = Judge(network, class_weights=torch.tensor([0, 0, 3.0, 0, 0.5, 0, 0, 1])).losses(expert, answers, wanted)
    expected = cross_entropy(answers, places, reduction="none") * torch.tensor([3, 0.5, 0.5, 1, 3])
    torch.testing.assert_close(weighed, expected)


@pytest.mark.parametrize(("loss", "score"), [("squared_error", "r2"), ("cross_entropy", "right")])
def test_outputs_in_time_are_judged_by_the_readout(network: Network, loss: str, score: str) -> None:
    judge, expert = Judge(network, Readout(("a", "b"), loss, score)), Expert(0, (0,), 0, (0, 1))
    chance = torch.Generator().manual_seed(1)
    targets = torch.rand(5, 7, 2, generator=chance).softmax(2)
    weights = torch.rand(5, 7, generator=chance)
    wanted, answers = Wanted(torch.zeros(5, dtype=torch.int64), targets, weights), judge.answers(activity(2))
    torch.testing.assert_close(answers, activity(2).membrane.permute(2, 0, 1))
    torch.testing.assert_close(judge.losses(expert, answers, wanted), CRITERIA[loss].losses(answers, targets, weights))
    assert judge.score(expert, answers, wanted) == SCORES[score](answers, targets, weights)


READINGS = ("membrane_mean", "membrane_max", "membrane_last", "spike_count")


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("sets", [[[4, 2, 7]], [[4, 2], [7]]])
@pytest.mark.parametrize("weighed", [False, True])
def test_the_grade_of_classes_is_that_of_autograd(reading: Any, sets: list[list[int]], weighed: bool) -> None:
    network = Network(Fabric(FabricOptions(rows=1, cols=1)), 1, NetworkOptions(readout=reading))
    class_weights = torch.arange(8.0) if weighed else None
    judge, expert = Judge(network, None, class_weights), Expert(0, (4, 2, 7), 0, (0, 1, 2), sets=sets)
    shown = activity(3)
    counts = torch.rand(16, 5, generator=torch.Generator().manual_seed(2))
    membrane, counts = shown.membrane.requires_grad_(), counts.requires_grad_()
    shown = Activity(shown.outputs, membrane, counts)
    wanted, answers = Wanted(torch.tensor([2, 4, 4, 7, 2])), judge.answers(shown)
    loss = judge.losses(expert, answers, wanted).mean()
    expected = torch.autograd.grad(loss, (membrane, counts), materialize_grads=True)
    grade = judge.grade(expert, answers.detach(), wanted)
    assert grade.loss == pytest.approx(float(loss.detach()))
    assert grade.score == pytest.approx(judge.score(expert, answers, wanted))
    of_membrane, of_counts = judge.slopes_of_activity(grade.slope, shown)
    torch.testing.assert_close(of_membrane, expected[0])
    assert (of_counts is None) == (reading != "spike_count")
    if of_counts is not None:
        torch.testing.assert_close(of_counts, expected[1])


@pytest.mark.parametrize("loss", CRITERIA)
def test_the_grade_of_outputs_in_time_is_that_of_autograd(network: Network, loss: str) -> None:
    judge, expert = Judge(network, Readout(("a", "b"), loss, "right")), Expert(0, (0,), 0, (0, 1))
    chance = torch.Generator().manual_seed(1)
    targets, weights = torch.rand(5, 7, 2, generator=chance), torch.rand(5, 7, generator=chance).round()
    weights[:, 0] = 1
    wanted, shown = Wanted(torch.zeros(5, dtype=torch.int64), targets, weights), activity(2)
    shown.membrane.requires_grad_()
    answers = judge.answers(shown)
    value = judge.losses(expert, answers, wanted).mean()
    (expected,) = torch.autograd.grad(value, shown.membrane)
    grade = judge.grade(expert, answers.detach(), wanted)
    assert grade.loss == pytest.approx(float(value.detach()))
    assert grade.score == judge.score(expert, answers, wanted)
    of_membrane, of_counts = judge.slopes_of_activity(grade.slope, shown)
    torch.testing.assert_close(of_membrane, expected)
    assert of_counts is None


def test_without_a_label_outputs_are_the_mean_over_experts(timed: Callable[..., memory.Data]) -> None:
    """By the posterior of the gating network, which hears nothing that tells these tasks apart."""
    settings: dict[str, Any] = {
        "fabric": {"rows": 1, "cols": 2, "neurons_per_tile": 20, "wires": 8, "inputs": "every"},
        "stream": {"name": "arrays", "setting": "task"},
        "training": {"rounds": 1, "steps": 10, "batch": 16, "warm_up": 2},
        "growth": {"seed_width": 4, "when": "never", "reserve": 0, "probe": 32},
        "gating": {"top": 0},
    }
    simulation = Simulation(configure(settings), data=timed(tasks=2))
    while not simulation.finished:
        simulation.step()
    agent = simulation.gating
    x, wanted = simulation.batches_of(simulation.stream.experiences[0]).evaluation(VALIDATION)
    shares = agent.gate.scores(hearing.features(agent, x)).double().softmax(1)
    assert 0.01 < float(shares.min(1).values.mean()) < 0.5
    alone = [evaluation.with_label(agent, expert, x, expert.classes).steps for expert in agent.experts]
    together = evaluation.without_label(agent, x)
    expected = sum(shares[:, k, None, None] * steps.double() for k, steps in enumerate(alone) if steps is not None)
    assert together.steps is not None
    torch.testing.assert_close(together.steps, expected.float(), rtol=1e-5, atol=1e-6)
    assert together.score(wanted, simulation.stream.readout) == SCORES["r2"](
        together.steps, wanted.targets, wanted.weights
    )
    assert evaluation.gate_alone(agent, x) is None
