"""Evaluation in blocks of trials, where nothing but feedback says which task it is.

The trials of a task come one after the other. Before the first, another expert is believed in, as after a change of
task; before each, the expert of the largest belief answers (``model.gating.belief``); after each, the answer that was
wanted is known. The answers are those of the block that begins on the expert next before the right one. How soon the
right one is found is told for every expert that may be believed in at first.

All experts run for every trial, for their losses are the evidence: spikes and operations count them all. Off the chip,
their outputs are held until the wanted answer is known, and one squared difference or the like is taken of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.model import costs
from smalti.model.gating.belief import settled
from smalti.model.work import Work
from smalti.scheduler.answers.evaluation import Answers, with_label
from smalti.scheduler.answers.hearing import GateCost, work_of
from smalti.scheduler.answers.question import Asked, Question, question
from smalti.scheduler.answers.said import Spikes
from smalti.scheduler.streams.wanted import Wanted

WITHIN = 20  # trials in which the right expert is to be found
STAYS = 10  # trials in a row after which it is found
PER_VALUE = 3  # additions for one value of an output: difference, square or product, sum
PER_EXPERT = 4  # for its belief: kept, drawn anew, likelihood, normalised


@dataclass(frozen=True)
class Switch:
    """A block that begins on the expert of another task."""

    believed: int  # number of that expert
    right: int  # number of the expert that was the last to be trained on the block's task
    trials: int  # that were answered before the right one was found; -1: never
    kept: float  # share of the trials from then on that it answered


@dataclass(frozen=True)
class Block:
    """A block of trials and what came of it."""

    answers: Answers
    switches: tuple[Switch, ...] = ()


def answer(agent: GatingAgent, classes: tuple[int, ...], x: Asked, wanted: Wanted) -> Block | None:
    """The block of all samples x [B, T, I] of a task; None where feedback chooses no experts, or nobody has met it."""
    asked, right, belief = question(agent, x), agent.find(classes), agent.belief
    if belief is None or right is None:
        return None
    experts = [expert for expert in agent.experts if expert.number in belief.known]
    if len(experts) < 2 or right not in experts:
        return Block(with_label(agent, right, asked, right.classes))
    outputs, spikes, work = _all_at_once(asked, experts)
    losses = _losses(agent, outputs, wanted)
    place = experts.index(right)
    others = torch.tensor([k % len(experts) for k in range(place + 1, place + len(experts))])  # the one before it: last
    choices = belief.choices([expert.number for expert in experts], losses, others)
    tasks = torch.tensor([expert.classes[0] if expert.classes else -1 for expert in experts])[choices[-1]]
    network, said = agent.network, outputs[choices[-1], asked.everyone]
    every = spikes.per_sample(network.fabric.neurons, asked.inputs)
    cost = GateCost(
        adds_per_sample=len(experts) * (PER_VALUE * said[0].numel() + PER_EXPERT),
        multiplications_per_sample=len(experts) * (said[0].numel() + 1),  # a square or product each, the likelihood
        stored_values=outputs[:, 0].numel() + 2 * len(experts),
    )
    answers = Answers(
        tasks,
        tasks,
        *costs.traffic(network, every),
        work.additions,
        cost,
        spikes,
        said,
        multiplications_per_sample=work.multiplications,
        corner_hop_spikes_per_sample=costs.corner_hop_spikes(network, every),
        run_steps=asked.x.shape[1],
    )
    return Block(answers, _switches(experts, place, others, choices))


def _losses(agent: GatingAgent, outputs: Tensor, wanted: Wanted) -> Tensor:
    """Losses [E, B] of outputs [E, B, T, O]."""
    assert agent.criterion is not None  # as of all streams with a read-out,
    assert wanted.targets is not None  # whose samples have targets
    assert wanted.weights is not None
    return torch.stack([agent.criterion.losses(said, wanted.targets, wanted.weights) for said in outputs])


def _all_at_once(asked: Question, experts: list[Expert]) -> tuple[Tensor, Spikes, Work]:
    """Outputs of every expert [E, B, T, O], spikes of all neurons and the work per sample."""
    agent = asked.agent
    told = [asked.ask(expert, asked.everyone) for expert in experts]
    spikes = Spikes.joined([(said.spikes, asked.everyone) for said in told], len(asked))
    ran = torch.stack([agent.running(expert) for expert in experts]).any(0)
    work = work_of(agent.network, spikes, asked.inputs, ran, asked.x.shape[1])
    return torch.stack([said.activity.membrane.permute(2, 0, 1) for said in told]), spikes, work


def _switches(experts: list[Expert], place: int, others: Tensor, choices: Tensor) -> tuple[Switch, ...]:
    """What came of the blocks that begin on others, of the places of who answered [F, S]."""
    right = choices == place
    trials = settled(right, STAYS).tolist()
    kept = [float(row[begin:].double().mean()) if begin >= 0 else 0.0 for row, begin in zip(right, trials, strict=True)]
    believed = [experts[other].number for other in others.tolist()]
    number = experts[place].number
    return tuple(Switch(who, number, begin, share) for who, begin, share in zip(believed, trials, kept, strict=True))
