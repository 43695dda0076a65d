"""Evaluation: what the network answers with and without a task label, and what the gating network alone would answer.

Without a label the answer is log p(class | x) = log gating(expert | x) + log softmax of that expert's outputs. Only
the best ``gating.top`` experts run for a sample; all others stay silent.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.expert import Expert
from agents.gating import GatingAgent
from model import costs
from model.gating.features import spike_counts, window_count
from model.gating.label import LabelGating
from model.network import Network


@dataclass(frozen=True)
class Answers:
    """Answers to a part of an experience."""

    classes: Tensor  # [B] int
    spikes_per_sample: float
    hop_spikes_per_sample: float

    def accuracy(self, labels: Tensor) -> float:
        """Share of right answers."""
        return float((self.classes == labels).double().mean())


def with_label(network: Network, agent: GatingAgent, expert: Expert, x: Tensor, among: tuple[int, ...]) -> Answers:
    """Answers when the task is told: its expert runs, and only the task's classes are possible."""
    log_p, counts = _ask(network, agent, expert, x)
    possible = torch.tensor([c in among for c in expert.classes])
    best = log_p.masked_fill(~possible, -torch.inf).argmax(1)
    return Answers(torch.tensor(expert.classes)[best], *costs.traffic(network, counts, per_channel(x)))


def with_task(network: Network, agent: GatingAgent, x: Tensor, among: tuple[int, ...]) -> Answers:
    """Answers when the task is told: by its expert, or where its classes are spread over several, by those."""
    expert = agent.find(among)
    if expert is None:
        return without_label(network, agent, x, among)
    return with_label(network, agent, expert, x, among)


def without_label(network: Network, agent: GatingAgent, x: Tensor, among: tuple[int, ...] | None = None) -> Answers:
    """Answers when nothing but the input is known, or also that only some classes are possible."""
    experts = {e.number: e for e in agent.experts}
    if len(experts) == 1:
        only = next(iter(experts.values()))
        return with_label(network, agent, only, x, among or only.classes)
    scores = agent.gate.scores(features(agent, x))
    top = scores.topk(min(agent.options.top, scores.shape[1]), dim=1).indices
    every = max(c for e in experts.values() for c in e.classes) + 1
    log_p = torch.full((len(x), every), -torch.inf, dtype=torch.float64)
    spikes = hop_spikes = 0.0
    for column, number in enumerate(agent.gate.experts):
        rows = (top == column).any(1).nonzero().flatten()
        if len(rows) == 0:
            continue
        expert = experts[number]
        answer, counts = _ask(network, agent, expert, x[rows])
        log_p[rows[:, None], torch.tensor(expert.classes)] = answer + scores[rows, column, None].double()
        fired = costs.traffic(network, counts, per_channel(x[rows]))
        spikes += fired[0] * len(rows) / len(x)
        hop_spikes += fired[1] * len(rows) / len(x)
    if among is not None:
        log_p[:, [c for c in range(every) if c not in among]] = -torch.inf
    return Answers(log_p.argmax(1), spikes, hop_spikes)


def per_channel(x: Tensor) -> Tensor:
    """Input spikes of every channel per sample [I], of x [B, T, I]."""
    return x.sum((0, 1), dtype=torch.float64) / len(x)


def needs_label(agent: GatingAgent) -> bool:
    """Whether the agent cannot choose between its experts unless it is told the task."""
    return isinstance(agent.gate, LabelGating) and len(agent.experts) > 1


def gate_alone(agent: GatingAgent, x: Tensor) -> Answers | None:
    """What the gating network answers by itself; None where it only passes labels on."""
    if isinstance(agent.gate, LabelGating) or not agent.gate.classes:
        return None
    best = agent.gate.class_scores(features(agent, x)).argmax(1)
    return Answers(torch.tensor(agent.gate.classes)[best], 0.0, 0.0)


def features(agent: GatingAgent, x: Tensor) -> Tensor:
    """Input spike counts as the gating network hears them [B, F]."""
    return spike_counts(x, window_count(agent.options.windows, x.shape[1]))


def _ask(network: Network, agent: GatingAgent, expert: Expert, x: Tensor) -> tuple[Tensor, Tensor]:
    """log softmax of an expert's outputs [B, classes] and the spikes [N, B] it took."""
    outputs = torch.tensor(expert.outputs, device=network.device)
    with torch.no_grad():
        activity = network.run(x, outputs, agent.running(expert))
        return network.read(activity).double().log_softmax(1).cpu(), activity.counts
