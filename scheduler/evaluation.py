"""Evaluation: what the network answers with and without a task label, and what the gating network alone would answer.

Without a label the answer is log p(class | x) = log gating(expert | x) + log softmax of that expert's outputs + v log
gating(class | expert, x); the last term, of weight v = ``gating.vote``, is what the gating network says of that
expert's classes. With a label the first term falls away. Only the best ``gating.top`` experts run for a sample (0:
all); all others stay silent. The gates of those that run are not renormalised: a class has one expert, so that would
add the same number to every class.

What the gating network takes is counted beside. One that hears inputs decides after ``gating.listen`` steps; meanwhile
the input spikes wait, and the answer comes that much later. One that hears experts lets all of them run for these
steps: their spikes count, but nothing waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.model import costs
from smalti.model.gating.adaptation import KeepsMeans, adapted
from smalti.model.gating.features import heard_steps, spike_counts, window_count
from smalti.model.gating.networks.label import LabelGating
from smalti.model.gating.protocol import ExpertListener, expert_listener
from smalti.model.network import Network
from smalti.scheduler.streams.batches import TaskBatches

UNKNOWN = -1e9  # stands for the log density of a class that the gating network has not met


@dataclass(frozen=True, kw_only=True)
class GateCost:
    """What the gating network took, off the chip; zero where it was not asked."""

    adds_per_sample: int = 0
    stored_values: int = 0  # numbers it holds
    buffered_spikes: float = 0.0  # input spikes per sample that wait for its decision
    latency: int = 0  # steps by which the answer is late


@dataclass(frozen=True)
class Answers:
    """Answers to a part of an experience."""

    classes: Tensor  # [B] int
    unaided: Tensor  # [B] the same without the gating network's vote
    spikes_per_sample: float
    hop_spikes_per_sample: float
    operations_per_sample: float  # synaptic operations
    gate: GateCost = GateCost()
    fired: Tensor | None = None  # [N, B] spikes of every neuron, where experts were asked

    def accuracy(self, labels: Tensor) -> float:
        """Share of right answers."""
        return float((self.classes == labels).double().mean())


@dataclass(frozen=True)
class Heard:
    """What the gating network is shown of samples, and what that took."""

    counts: Tensor  # [B, F] spike counts
    fired: Tensor  # [N, B] spikes of neurons while it listened, float64
    operations: float = 0.0  # synaptic operations of these, per sample


def with_label(network: Network, agent: GatingAgent, expert: Expert, x: Tensor, among: Sequence[int]) -> Answers:
    """Answers when the task is told: its expert runs, and only the task's classes are possible."""
    heard = _understand(agent, x) if _votes(agent) else _unheard(network, x)
    return _answer(network, agent, heard, [(expert, torch.arange(len(x)), torch.zeros(len(x)))], x, among)


def with_task(network: Network, agent: GatingAgent, x: Tensor, among: Sequence[int]) -> Answers:
    """Answers when the task is told: by its expert, or where its classes are spread over several, by those."""
    expert = agent.find(tuple(among))
    if expert is None:
        return without_label(network, agent, x, among)
    return with_label(network, agent, expert, x, among)


def without_label(network: Network, agent: GatingAgent, x: Tensor, among: Sequence[int] | None = None) -> Answers:
    """Answers when nothing but the input is known: one of the classes seen so far, or of some that are possible."""
    experts = {e.number: e for e in agent.experts}
    possible = among or [c for e in experts.values() for c in e.seen]
    if len(experts) == 1:
        return with_label(network, agent, next(iter(experts.values())), x, possible)
    heard = _understand(agent, x)
    scores = agent.gate.scores(heard.counts)
    top = scores.topk(min(agent.options.top or len(experts), scores.shape[1]), dim=1).indices
    asked = []
    for column, number in enumerate(agent.gate.assignment.experts):
        rows = (top == column).any(1).nonzero().flatten()
        if len(rows):
            asked.append((experts[number], rows, scores[rows, column]))
    return replace(_answer(network, agent, heard, asked, x, possible), gate=gate_cost(agent, x))


def _answer(
    network: Network,
    agent: GatingAgent,
    heard: Heard,
    asked: list[tuple[Expert, Tensor, Tensor]],
    x: Tensor,
    possible: Sequence[int],
) -> Answers:
    """The best answer of experts, each being asked about some rows of x, where the gate has its log share."""
    every = max(c for e in agent.experts for c in e.classes) + 1
    own = torch.full((len(x), every), -torch.inf, dtype=torch.float64)
    opinion, voting = torch.zeros_like(own), _votes(agent)
    fired, operations = heard.fired.clone(), heard.operations
    for expert, rows, log_share in asked:
        classes = torch.tensor(expert.classes)
        log_p, counts, spent = _ask(network, agent, expert, x[rows])
        operations += spent * len(rows) / len(x)
        own[rows[:, None], classes] = log_p + log_share[:, None].double()
        if voting:
            opinion[rows[:, None], classes] = agent.options.vote * _opinion(agent, heard.counts[rows], classes)
        # a trunk runs once for all; who was listened to goes on from there
        fired[:, rows] = torch.maximum(fired[:, rows], counts.to("cpu", torch.float64))
    own[:, [c for c in range(every) if c not in possible]] = -torch.inf
    spikes, hop_spikes = costs.traffic(network, fired, per_channel(x))
    cost = gate_cost(agent, x) if voting else GateCost()
    return Answers((own + opinion).argmax(1), own.argmax(1), spikes, hop_spikes, operations, cost, fired)


def _votes(agent: GatingAgent) -> bool:
    """Whether the gating network has a say in which class of an expert it is."""
    return agent.options.vote > 0 and not isinstance(agent.gate, LabelGating) and bool(agent.gate.classes)


def _opinion(agent: GatingAgent, counts: Tensor, classes: Tensor) -> Tensor:
    """log gating(class | expert, x) of an expert's classes [B, classes]."""
    gate = agent.gate
    said = torch.full((len(counts), int(max(*classes, *gate.classes)) + 1), UNKNOWN, dtype=torch.float64)
    said[:, list(gate.classes)] = gate.class_scores(counts).double() / agent.options.temperature
    return said[:, classes].log_softmax(1)


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
    heard = _understand(agent, x)
    best = agent.gate.class_scores(heard.counts).argmax(1)
    cost = replace(gate_cost(agent, x), buffered_spikes=0.0, latency=0)  # no expert waits for it
    said = torch.tensor(agent.gate.classes)[best]
    answers = Answers(said, said, 0.0, 0.0, heard.operations, cost)
    if agent.gate.hears != "experts":
        return answers
    listened = x[:, : heard_steps(agent.options.listen, x.shape[1])]
    spikes, hop_spikes = costs.traffic(agent.network, heard.fired, per_channel(listened))
    return replace(answers, spikes_per_sample=spikes, hop_spikes_per_sample=hop_spikes)


def gate_cost(agent: GatingAgent, x: Tensor) -> GateCost:
    """What the gating network takes to choose experts for x [B, T, I], one sample on average."""
    steps = heard_steps(agent.options.listen, x.shape[1]) if agent.gate.hears == "inputs" else 0
    return GateCost(
        adds_per_sample=agent.gate.adds_per_sample,
        stored_values=agent.gate.stored_values,
        buffered_spikes=float(per_channel(x[:, :steps]).sum()),
        latency=steps,
    )


def show_experts(agent: GatingAgent, trained: Expert, batches: TaskBatches) -> None:
    """At the end of an experience, when neurons stay put, show every training sample to who hears experts."""
    listener = expert_listener(agent.gate)
    if listener is None:
        return
    listener.renew({e.number: len(e.neurons) for e in agent.experts}, trained.number)
    for x, labels in batches.once():
        listener.observe(features(agent, x), labels, batches.task)


def features(agent: GatingAgent, x: Tensor) -> Tensor:
    """Spike counts of x [B, T, I] as the gating network hears them [B, F]."""
    return hear(agent, x).counts


def hear(agent: GatingAgent, x: Tensor) -> Heard:
    """Let the gating network listen to x [B, T, I].

    Raises:
        ValueError: samples are shorter than the gating network wants to listen.
    """
    listened = x[:, : heard_steps(agent.options.listen, x.shape[1])]
    listener = expert_listener(agent.gate)
    if listener is not None:
        return _listen(agent, listener, listened)
    counts = spike_counts(listened, window_count(agent.options.windows, listened.shape[1]))
    return replace(_unheard(agent.network, x), counts=counts)


def _understand(agent: GatingAgent, x: Tensor) -> Heard:
    """As ``hear``, adapted to what all samples of x have in common, if that is asked for."""
    heard, gate = hear(agent, x), agent.gate
    if not (agent.options.adapt and isinstance(gate, KeepsMeans) and agent.gate.classes):
        return heard
    return replace(heard, counts=adapted(gate, heard.counts, agent.options.adapt))


def _unheard(network: Network, x: Tensor) -> Heard:
    """As if the gating network had not listened."""
    return Heard(torch.zeros(len(x), 0), torch.zeros((network.fabric.neurons, len(x)), dtype=torch.float64))


def _listen(agent: GatingAgent, gate: ExpertListener, x: Tensor) -> Heard:
    """Let all experts that the gating network hears run at once."""
    network = agent.network
    heard = [e for number in gate.widths for e in agent.experts if e.number == number]
    if not heard:
        return _unheard(network, x)
    running = torch.stack([agent.running(e) for e in heard]).any(0)
    outputs = torch.tensor([slot for e in heard for slot in e.outputs], device=network.device)
    with torch.no_grad():
        fired = network.run(x, outputs, running).counts.to("cpu", torch.float64)
    counts, operations = fired[[slot for e in heard for slot in e.neurons]].T, _operations(network, fired, x, running)
    return Heard(counts, fired, operations)


def _ask(network: Network, agent: GatingAgent, expert: Expert, x: Tensor) -> tuple[Tensor, Tensor, float]:
    """log softmax of an expert's outputs [B, classes], the spikes [N, B] and the synaptic operations it took."""
    outputs, running = torch.tensor(expert.outputs, device=network.device), agent.running(expert)
    with torch.no_grad():
        activity = network.run(x, outputs, running)
        log_p = network.read(activity).double().log_softmax(1).cpu()
    return log_p, activity.counts, _operations(network, activity.counts, x, running)


def _operations(network: Network, counts: Tensor, x: Tensor, running: Tensor) -> float:
    """Synaptic operations of one pass, per sample, of the neurons that run [N] bool."""
    return costs.synaptic_operations(network, counts, per_channel(x), running & network.state.alive)
