"""The say of the gating network in which class of an expert it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from smalti.agents.gating import GatingAgent
from smalti.model.gating.assignment import Assignment
from smalti.model.gating.densities.mixture import expert_scores
from smalti.model.gating.networks.label import LabelGating
from smalti.scheduler.answers.evaluation import gate_alone, with_label, without_label
from smalti.scheduler.answers.hearing import GateCost

Inputs = Callable[..., Tensor]
Spikes = Callable[[GatingAgent, int], float]

CHANNELS = 2


@pytest.mark.parametrize(("vote", "expected"), [(0.0, [6, 6, 6]), (0.4, [6, 6, 6]), (0.41, [0, 6, 6])])
def test_the_gating_network_votes_on_the_classes_of_an_expert(
    agent: GatingAgent, inputs: Inputs, vote: float, expected: list[int]
) -> None:
    """The expert has .4 for class 0 and .6 for 6, the gate e times as much for 0 at first: log(.6 / .4) = .405."""
    agent.gate.trust = (0.3, 0.3, 0.3)
    agent.options = replace(agent.options, vote=vote, temperature=1.0)
    assert without_label(agent, inputs(0, 1, 2)).classes.tolist() == expected


@pytest.mark.parametrize(
    ("exponents", "expected"), [((1.0, 1.0), 0), ((1.0, 0.5), 0), ((1.0, 0.4), 6), ((0.5, 0.25), 0), ((0.0, 0.1), 0)]
)
def test_an_expert_and_the_vote_have_exponents(
    agent: GatingAgent, inputs: Inputs, exponents: tuple[float, float], expected: int
) -> None:
    """As above: a log(.6 / .4) against b nats."""
    agent.gate.trust = (0.3, 0.3, 0.3)
    agent.options = replace(agent.options, vote=1.0, temperature=1.0)
    agent.experts[1].exponents = exponents
    answers = without_label(agent, inputs(0))
    assert answers.classes.tolist() == [expected]
    assert answers.unaided.tolist() == [6]


class Classes:
    """Knows the densities of all classes; an expert's is the sum of those of its classes."""

    hears = "inputs"
    adds_per_sample, multiplications_per_sample, stored_values = 7, 3, 11
    classes = (0, 1, 4, 6)
    shares = torch.tensor([[0.3, 0.35, 0.05, 0.3], [0.26, 0.4, 0.3, 0.04], [0.1, 0.25, 0.3, 0.35]], dtype=torch.float64)

    def __init__(self) -> None:
        self.assignment = Assignment()
        for expert in (1, 0):
            self.assignment.assign(expert, ())
        self.assignment.assign(1, (0, 6))
        self.assignment.assign(0, (4, 1))

    def class_scores(self, counts: Tensor) -> Tensor:
        return self.shares[counts[:, 1].long()].log()

    def scores(self, counts: Tensor) -> Tensor:
        return expert_scores(self.class_scores(counts), self.classes, self.assignment)


def test_the_expert_of_the_most_probable_class_need_not_be_the_most_probable_one(
    agent: GatingAgent, inputs: Inputs
) -> None:
    agent.gate = Classes()
    x = inputs(0, 1, 2)
    assert without_label(agent, x).classes.tolist() == [6, 4, 4]
    agent.options = replace(agent.options, choose="class")
    assert without_label(agent, x).classes.tolist() == [4, 4, 6]
    for expert in agent.experts:
        expert.exponents = (0.0, 1.0)
    alone = gate_alone(agent, x)
    assert alone is not None
    for top in (0, 1, 2):
        agent.options = replace(agent.options, vote=1.0, temperature=1.0, top=top)
        assert without_label(agent, x).classes.tolist() == alone.classes.tolist() == [1, 1, 6]


def test_a_vote_decides_alone_where_one_expert_serves_all(agent: GatingAgent, inputs: Inputs) -> None:
    agent.experts = agent.experts[1:]
    x = inputs(0, 2)
    assert without_label(agent, x).classes.tolist() == [6, 6]
    agent.gate.assignment = Assignment()
    agent.gate.assignment.assign(1, ())
    agent.gate.scores = lambda counts: torch.zeros(len(counts), 1)
    agent.options = replace(agent.options, vote=9.0, temperature=1.0)
    answers = without_label(agent, x)
    assert answers.classes.tolist() == [0, 6]
    assert answers.unaided.tolist() == [6, 6]
    assert answers.gate.adds_per_sample == 7


def test_it_votes_where_the_task_is_told_too_and_is_paid_for(
    agent: GatingAgent, inputs: Inputs, spikes: Spikes
) -> None:
    one = agent.experts[1]
    agent.options = replace(agent.options, vote=9.0, temperature=1.0)
    answers = with_label(agent, one, inputs(0, 2), one.classes)
    assert answers.classes.tolist() == [0, 6]
    assert answers.unaided.tolist() == [6, 6]
    assert answers.gate == without_label(agent, inputs(0, 2)).gate
    assert answers.gate.adds_per_sample == 7
    assert answers.spikes_per_sample == pytest.approx(spikes(agent, 1))
    assert with_label(agent, one, inputs(0), (6,)).classes.tolist() == [6]


def test_who_passes_labels_on_has_no_vote(agent: GatingAgent, inputs: Inputs) -> None:
    agent.options, agent.gate = replace(agent.options, vote=9.0), LabelGating(agent.options, CHANNELS)
    agent.gate.observe(torch.zeros(1, CHANNELS), torch.tensor([0]), 0)
    answers = with_label(agent, agent.experts[1], inputs(0), (0, 6))
    assert answers.classes.tolist() == [6]
    assert answers.gate == GateCost()
