"""What the mixture of experts answers, with and without a label, and what that takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from smalti.agents.gating import GatingAgent
from smalti.model.gating.assignment import Assignment
from smalti.model.gating.networks.label import LabelGating
from smalti.model.gating.networks.random import RandomGating
from smalti.model.gating.networks.seed import SeedGating
from smalti.scheduler.answers.evaluation import Answers, gate_alone, needs_label, with_label, without_label
from smalti.scheduler.answers.hearing import GateCost, features
from smalti.scheduler.streams.wanted import Wanted

Inputs = Callable[..., Tensor]
Spikes = Callable[[GatingAgent, int], float]

STEPS, CHANNELS = 10, 2
ANSWERS = {0: {4: 0.9, 1: 0.1}, 1: {0: 0.4, 6: 0.6}}  # of the experts of ``agent``, to any input
WHOLE = GateCost(  # of two samples with 12 and 10 spikes
    adds_per_sample=7,
    multiplications_per_sample=3,
    counted_spikes=11.0,
    stored_values=11,
    buffered_spikes=11.0,
    heard=STEPS,
    latency=STEPS,
)


def ask(agent: GatingAgent, x: Tensor, top: int) -> Answers:
    agent.options = replace(agent.options, top=top)
    return without_label(agent, x)


def test_without_a_label_the_best_product_of_both_answers_wins(agent: GatingAgent, inputs: Inputs) -> None:
    # many spikes: 0.45 x 0.9 = 0.405 for class 4 beats 0.55 x 0.6 = 0.33 for class 6, though the gate prefers expert 1
    # some: 0.3 x 0.9 = 0.27 loses against 0.7 x 0.6 = 0.42
    assert ask(agent, inputs(2, 1, 0), top=2).classes.tolist() == [4, 6, 4]


def test_only_the_top_experts_can_answer(agent: GatingAgent, inputs: Inputs) -> None:
    assert ask(agent, inputs(2, 1, 0), top=1).classes.tolist() == [6, 6, 4]


def test_more_than_all_experts_are_all_of_them(agent: GatingAgent, inputs: Inputs) -> None:
    assert ask(agent, inputs(2, 1, 0), top=5).classes.tolist() == [4, 6, 4]


def test_none_at_the_top_are_all_of_them(agent: GatingAgent, inputs: Inputs, spikes: Spikes) -> None:
    assert ask(agent, inputs(2, 1, 0), top=0).classes.tolist() == [4, 6, 4]
    assert ask(agent, inputs(0, 1), top=0).spikes_per_sample == pytest.approx(spikes(agent, 0) + spikes(agent, 1))


@pytest.mark.parametrize("top", [0, 1, 2])
def test_the_answer_is_that_of_the_renormalised_mixture_of_the_top_experts(
    agent: GatingAgent, inputs: Inputs, top: int
) -> None:
    """A class has one expert, so renormalising the gates of those that run changes no answer."""
    for row, trust in enumerate(agent.gate.trust):
        gates = {0: trust, 1: 1 - trust}
        run = sorted(gates, key=lambda e: -gates[e])[: top or 2]
        total = sum(gates[e] for e in run)
        mixture = {c: gates[e] / total * p for e in run for c, p in ANSWERS[e].items()}
        assert sum(mixture.values()) == pytest.approx(1.0)
        assert ask(agent, inputs(0, 1, 2), top=top).classes[row] == max(mixture, key=lambda c: mixture[c])


def test_a_trunk_runs_once_for_all_experts(agent: GatingAgent, inputs: Inputs, spikes: Spikes) -> None:
    agent.options = replace(agent.options, trunk=True)  # expert 0 runs whenever expert 1 does
    both = spikes(agent, 0)
    with_trunk = torch.tensor(agent.experts[1].outputs), agent.running(agent.experts[1])
    counts = agent.network.run(inputs(0), *with_trunk).counts.detach()
    assert float(counts.sum()) > both
    assert ask(agent, inputs(0), top=2).spikes_per_sample == pytest.approx(float(counts.sum()))


def test_only_the_top_experts_run_for_a_sample(agent: GatingAgent, inputs: Inputs, spikes: Spikes) -> None:
    zero, one = spikes(agent, 0), spikes(agent, 1)
    assert zero != one
    assert ask(agent, inputs(0, 0), top=1).spikes_per_sample == pytest.approx(zero)
    assert ask(agent, inputs(1, 2), top=1).spikes_per_sample == pytest.approx(one)
    assert ask(agent, inputs(0, 1, 1, 2), top=1).spikes_per_sample == pytest.approx((zero + 3 * one) / 4)
    assert ask(agent, inputs(0, 1), top=2).spikes_per_sample == pytest.approx(zero + one)


def test_hops_are_those_of_the_inputs_once_for_each_expert_that_runs(agent: GatingAgent, inputs: Inputs) -> None:
    assert ask(agent, inputs(0, 0), top=1).hop_spikes_per_sample == pytest.approx(STEPS)
    assert ask(agent, inputs(0, 2), top=1).hop_spikes_per_sample == pytest.approx(STEPS + 1)


def test_answers_do_not_depend_on_the_other_samples(agent: GatingAgent, inputs: Inputs) -> None:
    together = ask(agent, inputs(2, 1, 0, 2, 0), top=2).classes.tolist()
    assert together == [int(ask(agent, inputs(n), top=2).classes) for n in (2, 1, 0, 2, 0)]


def test_a_label_picks_the_expert_and_masks_other_classes(agent: GatingAgent, inputs: Inputs, spikes: Spikes) -> None:
    zero, one = agent.experts
    assert with_label(agent, zero, inputs(1, 2), (4, 1)).classes.tolist() == [4, 4]
    assert with_label(agent, zero, inputs(1, 2), (1,)).classes.tolist() == [1, 1]
    assert with_label(agent, one, inputs(0), (0,)).classes.tolist() == [0]
    assert with_label(agent, one, inputs(0), (0, 6)).spikes_per_sample == pytest.approx(spikes(agent, 1))


def test_a_single_expert_needs_no_gate(agent: GatingAgent, inputs: Inputs) -> None:
    del agent.experts[1]
    agent.gate = None
    assert without_label(agent, inputs(1, 2)).classes.tolist() == [4, 4]


def test_the_gate_alone_names_the_class_that_it_scores_best(agent: GatingAgent, inputs: Inputs) -> None:
    answers = gate_alone(agent, inputs(0, 1, 2))
    assert answers is not None
    assert answers.classes.tolist() == [0, 4, 6]
    assert answers.spikes_per_sample == answers.hop_spikes_per_sample == 0


def test_what_a_gate_takes_stands_beside_its_answers(agent: GatingAgent, inputs: Inputs) -> None:
    """Channel 0 spikes in each of ten steps; channel 1 in the first two, or not at all."""
    answers = ask(agent, inputs(2, 0), top=1)
    assert answers.gate == WHOLE
    assert answers.latency == 2 * STEPS  # the experts begin when the sample is over
    agent.options = replace(agent.options, listen=1)
    early = ask(agent, inputs(2, 0), top=1).gate
    assert (early.buffered_spikes, early.counted_spikes, early.heard, early.latency) == (1.5, 1.5, 1, 1)
    alone = gate_alone(agent, inputs(2, 0))
    assert alone is not None
    assert alone.gate == replace(WHOLE, buffered_spikes=0.0, counted_spikes=1.5, heard=1, latency=0)
    assert alone.latency == 1
    told = with_label(agent, agent.experts[0], inputs(0), (4, 1))
    assert (told.gate, told.latency) == (GateCost(), STEPS)


def test_every_state_that_runs_leaks_at_every_step(agent: GatingAgent, inputs: Inputs) -> None:
    """An expert has two outputs and a neuron; a slow synapse and an adapting threshold leak as well."""
    assert with_label(agent, agent.experts[0], inputs(0, 2), (4, 1)).multiplications_per_sample == 3 * STEPS
    assert ask(agent, inputs(0, 1), top=0).multiplications_per_sample == 6 * STEPS
    agent.network.state.synapse[0], agent.network.state.strength[0] = 0.5, 0.1
    assert with_label(agent, agent.experts[0], inputs(0), (4, 1)).multiplications_per_sample == 5 * STEPS
    assert with_label(agent, agent.experts[1], inputs(0), (0, 6)).multiplications_per_sample == 3 * STEPS


def test_who_listens_to_nothing_lets_nothing_wait(agent: GatingAgent, inputs: Inputs) -> None:
    agent.gate = RandomGating(agent.options, CHANNELS)
    for expert in agent.experts:
        agent.gate.assignment.assign(expert.number, expert.classes)
    assert ask(agent, inputs(2, 0), top=1).gate == GateCost(stored_values=8)


class Ear:
    """Hears experts; prefers expert 1 as soon as its neuron has fired at all."""

    hears = "experts"
    adds_per_sample, multiplications_per_sample, stored_values = 5, 4, 6
    classes = (0, 1, 4, 6)
    widths: ClassVar[dict[int, int]] = {1: 1, 0: 1}

    def __init__(self) -> None:
        self.assignment = Assignment()
        for expert in (0, 1):
            self.assignment.assign(expert, ())

    def scores(self, counts: Tensor) -> Tensor:
        self.counts = counts
        fired = (counts[:, 0] > 0).double()
        return torch.stack([0.9 - 0.8 * fired, 0.1 + 0.8 * fired], 1).log()

    def class_scores(self, counts: Tensor) -> Tensor:
        return self.scores(counts).repeat_interleave(2, 1)


def test_listening_to_experts_costs_their_spikes_and_nothing_waits(
    agent: GatingAgent, inputs: Inputs, spikes: Spikes
) -> None:
    agent.gate = Ear()  # type: ignore[assignment]
    answers = ask(agent, inputs(0, 2), top=1)
    zero, one = spikes(agent, 0), spikes(agent, 1)
    assert agent.gate.counts.tolist() == [[one, zero]] * 2  # in the order of the widths
    assert answers.classes.tolist() == [6, 6]
    assert answers.spikes_per_sample == pytest.approx(zero + one)
    assert answers.hop_spikes_per_sample == pytest.approx(STEPS + 1)
    assert answers.gate == GateCost(
        adds_per_sample=5, multiplications_per_sample=4, counted_spikes=zero + one, stored_values=6, heard=STEPS
    )
    assert answers.latency == STEPS
    alone = gate_alone(agent, inputs(0, 2))
    assert alone is not None
    assert alone.spikes_per_sample == pytest.approx(zero + one)


def test_who_is_not_chosen_falls_silent_once_the_gate_has_decided(
    agent: GatingAgent, inputs: Inputs, spikes: Spikes
) -> None:
    agent.gate = Ear()  # type: ignore[assignment]
    agent.options = replace(agent.options, listen=4)
    answers = ask(agent, inputs(0), top=1)
    short = agent.network.run(inputs(0)[:, :4], torch.tensor(agent.experts[0].outputs)).counts.detach()
    chosen = int(agent.gate.counts[0, 0] > 0)
    assert agent.gate.counts.tolist() == [[float(short[1]), float(short[0])]]
    assert answers.spikes_per_sample == pytest.approx(spikes(agent, chosen) + float(short[1 - chosen]))


def test_a_gate_that_has_heard_nobody_hears_nothing(agent: GatingAgent, inputs: Inputs) -> None:
    agent.gate = SeedGating(agent.options, CHANNELS)
    assert features(agent, inputs(0, 1)).shape == (2, 0)


def test_a_gate_without_classes_or_with_labels_does_not_answer_alone(agent: GatingAgent, inputs: Inputs) -> None:
    agent.gate.classes = ()
    assert gate_alone(agent, inputs(0)) is None
    agent.gate = LabelGating(agent.options, CHANNELS)
    agent.gate.observe(torch.zeros(1, CHANNELS), torch.tensor([0]), 0)
    assert gate_alone(agent, inputs(0)) is None


def test_who_needs_a_label(agent: GatingAgent) -> None:
    assert not needs_label(agent)
    agent.gate = LabelGating(agent.options, CHANNELS)
    assert needs_label(agent)
    del agent.experts[1]
    assert not needs_label(agent)


def test_features_count_spikes_in_windows(agent: GatingAgent, inputs: Inputs) -> None:
    agent.options = replace(agent.options, windows=2)
    assert features(agent, inputs(7)).tolist() == [[5, 5, 5, 2]]


def test_accuracy_is_the_share_of_right_answers() -> None:
    answers = Answers(torch.tensor([1, 2, 3, 4]), torch.zeros(4), 0.0, 0.0, 0.0)
    assert answers.score(Wanted(torch.tensor([1, 2, 0, 4]))) == 0.75
