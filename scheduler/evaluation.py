"""Evaluation: what the network answers with and without a task label, and what the gating network alone would answer.

Without a label the answer is that of a mixture of experts,

    log p(class | x) = log p(expert | x) + a log p(class | expert, x) + v b log prior(class | expert, x)

with the expert posterior p(expert | x) of the gating network, the softmax p(class | expert, x) of the expert's outputs,
and a class prior of weight v = ``gating.vote``: what the gating network says of that expert's classes. The exponents a
and b are the expert's; both are 1 unless they are chosen on validation data (``scheduler.reliability``). With a label
the first term falls away. Only the best ``gating.top`` experts run for a sample (0: all), by their posterior or by
their most probable class (``gating.choose``); all others stay silent. The posterior of those that run is not
renormalised: a class has one expert, so that would add the same number to every class.

Where samples ask for targets at single steps, the answer is the target that the mixture expects at each step, over the
experts that run, and the gating network has no answer of its own. A running gate (``gating.running``) has a posterior
for every step; all experts run then, for nobody knows who will be asked next.

What the gating network takes is counted beside: ``scheduler.hearing``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.model import costs
from smalti.model.criterion import Criterion
from smalti.model.gating.features import heard_steps
from smalti.model.gating.mixture import UNKNOWN, ranked
from smalti.model.gating.networks.label import LabelGating
from smalti.model.gating.running import scores_in_time
from smalti.model.network import Activity
from smalti.model.work import Work
from smalti.scheduler.hearing import (
    UNASKED,
    Features,
    GateCost,
    features,
    gate_cost,
    heard_adapted,
    nothing_heard,
    per_channel,
    work_of,
)
from smalti.scheduler.streams.scores import SCORES
from smalti.scheduler.streams.types import Readout
from smalti.scheduler.streams.wanted import Wanted


@dataclass(frozen=True)
class Answers:
    """Answers to a part of an experience."""

    classes: Tensor  # [B] int
    unaided: Tensor  # [B] the same without the class prior
    spikes_per_sample: float
    hop_spikes_per_sample: float
    operations_per_sample: float  # synaptic operations
    gate: GateCost = UNASKED
    fired: Tensor | None = None  # [N, B] spikes of every neuron, where experts were asked
    steps: Tensor | None = None  # [B, T, O] outputs at every step, where those are asked; classes are tasks then
    multiplications_per_sample: float = 0.0  # on the chip: leaks
    run_steps: int = 0  # time steps that experts run for an answer; 0: none does

    @property
    def latency(self) -> float:
        """Time steps from the beginning of a sample to its (last) answer."""
        return self.run_steps + self.gate.latency if self.run_steps else self.gate.heard

    def score(self, wanted: Wanted, readout: Readout | None = None) -> float:
        """Share of right answers or, where the stream has a read-out, its score."""
        if readout is None or self.steps is None or wanted.targets is None or wanted.weights is None:
            return float((self.classes == wanted.labels).double().mean())
        return float(SCORES[readout.score](self.steps, wanted.targets, wanted.weights))


@dataclass(frozen=True)
class Component:
    """An expert of the mixture, for the samples for which it runs."""

    expert: Expert
    rows: Tensor  # [b] int: those samples
    log_posterior: Tensor  # [b] log p(expert | x), or [b, T] at every step


def with_label(agent: GatingAgent, expert: Expert, x: Tensor, among: Sequence[int]) -> Answers:
    """Answers when the task is told: its expert runs, and only the task's classes are possible."""
    features = heard_adapted(agent, x) if has_vote(agent) else nothing_heard(agent, x)
    return _mixture(agent, features, [Component(expert, torch.arange(len(x)), torch.zeros(len(x)))], x, among)


def with_task(agent: GatingAgent, x: Tensor, among: Sequence[int]) -> Answers:
    """Answers when the task is told: by its expert, or where its classes are spread over several, by those."""
    expert = agent.find(tuple(among))
    return without_label(agent, x, among) if expert is None else with_label(agent, expert, x, among)


def without_label(agent: GatingAgent, x: Tensor, among: Sequence[int] | None = None) -> Answers:
    """Answers when nothing but the input is known: one of the classes seen so far, or of some that are possible."""
    experts = {e.number: e for e in agent.experts}
    possible = among or [c for e in experts.values() for c in e.seen]
    if len(experts) == 1:
        return with_label(agent, next(iter(experts.values())), x, possible)
    if agent.options.running and agent.criterion is not None:
        scores = scores_in_time(agent.gate, agent.options, x).unbind(-1)
        shares = dict(zip(agent.gate.assignment.experts, scores, strict=True))
        answers = at_every_step(agent, agent.criterion, [(experts[n], share) for n, share in shares.items()], x)
        return replace(answers, gate=gate_cost(agent, x, torch.zeros(len(x), 0)))
    features = heard_adapted(agent, x)
    log_posterior = agent.gate.scores(features.counts)
    ranks = ranked(agent.gate, agent.options.choose, features.counts, log_posterior)
    top = ranks.topk(min(agent.options.top or len(experts), log_posterior.shape[1]), dim=1).indices
    components = []
    for column, number in enumerate(agent.gate.assignment.experts):
        rows = (top == column).any(1).nonzero().flatten()
        if len(rows):
            components.append(Component(experts[number], rows, log_posterior[rows, column]))
    return replace(_mixture(agent, features, components, x, possible), gate=gate_cost(agent, x, features.counts))


def at_every_step(
    agent: GatingAgent, criterion: Criterion, experts: Sequence[tuple[Expert, Tensor]], x: Tensor
) -> Answers:
    """What experts expect at every step, by their log posteriors there [B, T].

    All run for all samples; whom several hear runs once for all.
    """
    everywhere = torch.arange(len(x))
    components = [Component(expert, everywhere, log_posterior) for expert, log_posterior in experts]
    answers = _mixture_of_steps(agent, criterion, nothing_heard(agent, x), components, x)
    assert answers.fired is not None
    ran = torch.stack([agent.running(expert) for expert, _ in experts]).any(0)
    work = work_of(agent.network, answers.fired, x, ran)
    return replace(answers, operations_per_sample=work.additions, multiplications_per_sample=work.multiplications)


def _mixture(
    agent: GatingAgent, features: Features, components: Sequence[Component], x: Tensor, possible: Sequence[int]
) -> Answers:
    """The most probable of some possible classes under a mixture of experts."""
    if agent.criterion is not None:
        return _mixture_of_steps(agent, agent.criterion, features, components, x)
    classes = max(c for e in agent.experts for c in e.classes) + 1
    log_mixture = torch.full((len(x), classes), -torch.inf, dtype=torch.float64)
    weighed, has_prior = torch.zeros_like(log_mixture), has_vote(agent)
    fired, work = features.fired.clone(), features.work
    for component in components:
        rows, own = component.rows, torch.tensor(component.expert.classes)
        log_p, counts, spent = _ask(agent, component.expert, x[rows])
        work += spent * (len(rows) / len(x))
        log_mixture[rows[:, None], own] = log_p + component.log_posterior[:, None].double()
        if has_prior:
            a, b = component.expert.exponents
            vote = agent.options.vote * _class_prior(agent, features.counts[rows], own)
            weighed[rows[:, None], own] = (a - 1.0) * log_p + b * vote
        _join(fired, rows, counts)
    log_mixture[:, [c for c in range(classes) if c not in possible]] = -torch.inf
    spikes, hop_spikes = costs.traffic(agent.network, fired, per_channel(x))
    cost = gate_cost(agent, x, features.counts) if has_prior else UNASKED
    answers = (log_mixture + weighed).argmax(1), log_mixture.argmax(1)
    return Answers(
        *answers,
        spikes,
        hop_spikes,
        work.additions,
        cost,
        fired,
        multiplications_per_sample=work.multiplications,
        run_steps=x.shape[1],
    )


def _mixture_of_steps(
    agent: GatingAgent, criterion: Criterion, features: Features, components: Sequence[Component], x: Tensor
) -> Answers:
    """The outputs that a mixture of experts expects at every step, by the posterior among those that run.

    The task of a sample is the one that is most probable at its end.
    """
    steps = max(component.log_posterior[0].numel() for component in components)  # 1, or T
    log_posterior = torch.full((len(components), len(x), steps), -torch.inf, dtype=torch.float64)
    for k, component in enumerate(components):
        log_posterior[k, component.rows] = component.log_posterior.double().view(len(component.rows), steps)
    shares, best = log_posterior.softmax(0), log_posterior[..., -1].argmax(0)
    expected = torch.zeros(1)
    fired, work = features.fired.clone(), features.work
    for share, component in zip(shares, components, strict=True):
        rows = component.rows
        activity, spent = _run(agent, component.expert, x[rows])
        outputs = criterion.expected(activity.membrane.permute(2, 0, 1).double().cpu())
        expected = expected if expected.dim() > 1 else outputs.new_zeros(len(x), *outputs.shape[1:])
        expected[rows] += share[rows, :, None] * outputs
        work += spent * (len(rows) / len(x))
        _join(fired, rows, activity.counts)
    spikes, hop_spikes = costs.traffic(agent.network, fired, per_channel(x))
    tasks = torch.tensor([component.expert.classes[0] for component in components])[best]
    return Answers(
        tasks,
        tasks,
        spikes,
        hop_spikes,
        work.additions,
        fired=fired,
        steps=criterion.outputs(expected).float(),
        multiplications_per_sample=work.multiplications,
        run_steps=x.shape[1],
    )


def _join(fired: Tensor, rows: Tensor, counts: Tensor) -> None:
    """Add the spikes [N, b] of an expert to those of others [N, B], for the samples for which it runs [b].

    A trunk runs once for all; who was listened to goes on from there.
    """
    counts = counts.cpu()
    spoke = torch.nonzero(counts.any(1))
    fired[spoke, rows] = torch.maximum(fired[spoke, rows], counts[spoke.flatten()].double())


def opinions(agent: GatingAgent, expert: Expert, x: Tensor) -> tuple[Tensor, Tensor]:
    """log p(class | expert, x) and v log prior(class | expert, x) [B, classes], where there is a vote."""
    vote = _class_prior(agent, features(agent, x), torch.tensor(expert.classes))
    return _ask(agent, expert, x)[0], agent.options.vote * vote


def has_vote(agent: GatingAgent) -> bool:
    """Whether the gating network has a say in which class of an expert it is."""
    if agent.criterion is not None or isinstance(agent.gate, LabelGating):
        return False
    return agent.options.vote > 0 and bool(agent.gate.classes)


def _class_prior(agent: GatingAgent, counts: Tensor, classes: Tensor) -> Tensor:
    """log prior(class | expert, x) of an expert's classes [B, classes]."""
    gate = agent.gate
    log_density = torch.full((len(counts), int(max(*classes, *gate.classes)) + 1), UNKNOWN, dtype=torch.float64)
    log_density[:, list(gate.classes)] = gate.class_scores(counts).double() / agent.options.temperature
    return log_density[:, classes].log_softmax(1)


def needs_label(agent: GatingAgent) -> bool:
    """Whether the agent cannot choose between its experts by inputs, unless it is told the task."""
    return (isinstance(agent.gate, LabelGating) or agent.belief is not None) and len(agent.experts) > 1


def gate_alone(agent: GatingAgent, x: Tensor) -> Answers | None:
    """What the gating network answers by itself; None where it only passes labels on, or could only name the task."""
    if isinstance(agent.gate, LabelGating) or not agent.gate.classes or agent.criterion is not None:
        return None
    features = heard_adapted(agent, x)
    best = agent.gate.class_scores(features.counts).argmax(1)
    cost = replace(gate_cost(agent, x, features.counts), buffered_spikes=0.0, latency=0.0)  # no expert waits for it
    classes = torch.tensor(agent.gate.classes)[best]
    work = features.work
    answers = Answers(classes, classes, 0.0, 0.0, work.additions, cost, multiplications_per_sample=work.multiplications)
    if agent.gate.hears != "experts":
        return answers
    listened = x[:, : heard_steps(agent.options.listen, x.shape[1])]
    spikes, hop_spikes = costs.traffic(agent.network, features.fired, per_channel(listened))
    return replace(answers, spikes_per_sample=spikes, hop_spikes_per_sample=hop_spikes)


def _ask(agent: GatingAgent, expert: Expert, x: Tensor) -> tuple[Tensor, Tensor, Work]:
    """log p(class | expert, x) [B, classes], the spikes [N, B] and the work it took."""
    activity, work = _run(agent, expert, x)
    with torch.no_grad():
        return agent.network.read(activity).double().log_softmax(1).cpu(), activity.counts, work


def _run(agent: GatingAgent, expert: Expert, x: Tensor) -> tuple[Activity, Work]:
    """What an expert does for x, and the work it takes per sample."""
    network, running = agent.network, agent.running(expert)
    outputs = torch.tensor(expert.outputs, device=network.device)
    with torch.no_grad():
        activity = network.run(x, outputs, running)
    return activity, work_of(network, activity.counts, x, running)
