"""Evaluation: what the network answers with and without a task label, and what the gating network alone would answer.

Without a label the answer is that of a mixture of experts,

    log p(class | x) = log p(expert | x) + a log p(class | expert, x) + v b log prior(class | expert, x)

with the expert posterior p(expert | x) of the gating network, the softmax p(class | expert, x) of the expert's outputs,
and a class prior of weight v = ``gating.vote``: what the gating network says of that expert's classes. The exponents a
and b are the expert's; both are 1 unless they are chosen on validation data (``scheduler.answers.reliability``). With a
label the first term falls away. Only the best ``gating.top`` experts run for a sample (0: all), by their posterior or
by their most probable class (``gating.choose``); all others stay silent. The posterior of those that run is not
renormalised: a class has one expert, so that would add the same number to every class.

Where samples ask for targets at single steps, the answer is the target that the mixture expects at each step, over the
experts that run, and the gating network has no answer of its own. A running gate (``gating.running``) has a posterior
for every step; all experts run then, for nobody knows who will be asked next.

What the gating network takes is counted beside: ``scheduler.answers.hearing``. Samples may be given as spikes, or as a
``Question`` about them, which works out once what several answers need.
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
from smalti.model.gating.densities.mixture import NOBODY, UNKNOWN, ranked
from smalti.model.gating.features import heard_steps
from smalti.model.gating.networks.label import LabelGating
from smalti.model.gating.networks.levels import LevelsGating
from smalti.model.gating.running import scores_in_time
from smalti.model.work import Work
from smalti.scheduler.answers.hearing import UNASKED, Features, GateCost, features, nothing_heard, per_channel, work_of
from smalti.scheduler.answers.question import Asked, Question, question
from smalti.scheduler.answers.said import Said, Spikes, ask
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
    spikes: Spikes | None = None  # of neurons, where experts were asked
    steps: Tensor | None = None  # [B, T, O] outputs at every step, where those are asked; classes are tasks then
    multiplications_per_sample: float = 0.0  # on the chip: leaks
    corner_hop_spikes_per_sample: float = 0.0  # of the hops those at corners
    run_steps: int = 0  # time steps that experts run for an answer; 0: none does
    log_p: Tensor | None = None  # [B, classes] of which classes are the best, up to a number a sample
    log_p_unaided: Tensor | None = None  # [B, classes] the same without the class prior

    @property
    def by_experts(self) -> Answers:
        """What the experts say by themselves."""
        return replace(self, classes=self.unaided, log_p=self.log_p_unaided)

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


def with_label(agent: GatingAgent, expert: Expert, x: Asked, among: Sequence[int]) -> Answers:
    """Answers when the task is told: its expert runs, and only the task's classes are possible."""
    asked = question(agent, x).among((expert.number,))
    heard = asked.heard if has_vote(agent) else nothing_heard(len(asked))
    return _mixture(asked, heard, [Component(expert, asked.everyone, torch.zeros(len(asked)))], among)


def with_task(agent: GatingAgent, x: Asked, among: Sequence[int]) -> Answers:
    """Answers when the task is told: by its expert, or where its classes are spread over several, by those."""
    expert = agent.find(tuple(among))
    return without_label(agent, x, among) if expert is None else with_label(agent, expert, x, among)


def without_label(agent: GatingAgent, x: Asked, among: Sequence[int] | None = None) -> Answers:
    """Answers when nothing but the input is known: one of the classes seen so far, or of some that are possible."""
    asked, experts = question(agent, x), {e.number: e for e in agent.experts}
    possible = among or [c for e in experts.values() for c in e.seen]
    if among:
        asked = asked.among([number for number, e in experts.items() if not {*among}.isdisjoint(e.classes)])
    if len(experts) == 1:
        return with_label(agent, next(iter(experts.values())), asked, possible)
    if agent.options.running and agent.criterion is not None:
        scores = scores_in_time(agent.gate, agent.options, asked.x).unbind(-1)
        shares = dict(zip(agent.gate.assignment.experts, scores, strict=True))
        answers = at_every_step(agent, agent.criterion, [(experts[n], share) for n, share in shares.items()], asked)
        return replace(answers, gate=asked.cost)
    columns = agent.gate.assignment.experts
    components = [
        Component(experts[columns[column]], rows, asked.posterior[rows, column]) for column, rows in _called(asked)
    ]
    return replace(_mixture(asked, asked.heard, components, possible), gate=asked.cost)


def of_experts(
    agent: GatingAgent, experts: Sequence[tuple[Expert, Tensor]], x: Asked, heard: Features | None = None
) -> Answers:
    """What neurons answer by themselves, as if they were experts of these classes; the agent need not know them.

    Args:
        agent: whose neurons these are.
        experts: each with the samples [b] that it answers; what is left over has no answer, class ``NOBODY``.
        x: the samples.
        heard: what it took to choose among them; None: nobody had to.
    """
    asked = question(agent, x)
    told = [ask(agent, expert, asked.x[rows], asked.channels[rows]) for expert, rows in experts]
    classes = torch.full((len(asked),), NOBODY)
    for (expert, rows), said in zip(experts, told, strict=True):
        classes[rows] = torch.tensor(expert.classes)[agent.network.read(said.activity).argmax(1)]
    components = [Component(expert, rows, torch.zeros(len(rows))) for expert, rows in experts]
    answers = _counted(asked, heard or nothing_heard(len(asked)), components, told, classes)
    return answers if heard is None else replace(answers, gate=asked.cost)


def _called(asked: Question) -> list[tuple[int, Tensor]]:
    """Columns of the experts that run, in the order of the gating network's, and the samples for which each does."""
    options = asked.agent.options
    ranks = ranked(asked.agent.gate, options.choose, asked.posterior, lambda: asked.density)
    ranks = ranks.masked_fill(asked.posterior == -torch.inf, -torch.inf)
    top = ranks.topk(min(options.top or len(asked.agent.experts), ranks.shape[1]), dim=1).indices
    return [(column, (top == column).any(1).nonzero().flatten()) for column in torch.unique(top).tolist()]


def at_every_step(
    agent: GatingAgent, criterion: Criterion, experts: Sequence[tuple[Expert, Tensor]], x: Asked
) -> Answers:
    """What experts expect at every step, by their log posteriors there [B, T].

    All run for all samples; whom several hear runs once for all.
    """
    asked = question(agent, x)
    components = [Component(expert, asked.everyone, log_posterior) for expert, log_posterior in experts]
    answers = _mixture_of_steps(asked, criterion, nothing_heard(len(asked)), components)
    assert answers.spikes is not None
    ran = torch.stack([agent.running(expert) for expert, _ in experts]).any(0)
    work = work_of(agent.network, answers.spikes, asked.inputs, ran, asked.x.shape[1])
    return replace(answers, operations_per_sample=work.additions, multiplications_per_sample=work.multiplications)


def _mixture(asked: Question, heard: Features, components: Sequence[Component], possible: Sequence[int]) -> Answers:
    """The most probable of some possible classes under a mixture of experts."""
    agent = asked.agent
    if agent.criterion is not None:
        return _mixture_of_steps(asked, agent.criterion, heard, components)
    classes = max(c for e in agent.experts for c in e.classes) + 1
    log_mixture = torch.full((len(asked), classes), -torch.inf, dtype=torch.float64)
    weighed, has_prior = torch.zeros_like(log_mixture), has_vote(agent)
    told = [asked.ask(component.expert, component.rows) for component in components]
    for component, said in zip(components, told, strict=True):
        rows, own = component.rows, torch.tensor(component.expert.classes)
        by_expert = _log_p(agent, said)
        log_mixture[rows[:, None], own] = by_expert + component.log_posterior[:, None].double()
        if has_prior:
            a, b = component.expert.exponents
            vote = agent.options.vote * _class_prior(agent, asked.density[rows], own)
            weighed[rows[:, None], own] = (a - 1.0) * by_expert + b * vote
    log_mixture[:, sorted({*range(classes)} - {*possible})] = -torch.inf
    log_p = log_mixture + weighed
    answers = _counted(asked, heard, components, told, log_p.argmax(1))
    gate = asked.cost if has_prior else UNASKED
    return replace(answers, unaided=log_mixture.argmax(1), gate=gate, log_p=log_p, log_p_unaided=log_mixture)


def _mixture_of_steps(
    asked: Question, criterion: Criterion, heard: Features, components: Sequence[Component]
) -> Answers:
    """The outputs that a mixture of experts expects at every step, by the posterior among those that run.

    The task of a sample is the one that is most probable at its end.
    """
    steps = max(component.log_posterior[0].numel() for component in components)  # 1, or T
    log_posterior = torch.full((len(components), len(asked), steps), -torch.inf, dtype=torch.float64)
    for k, component in enumerate(components):
        log_posterior[k, component.rows] = component.log_posterior.double().view(len(component.rows), steps)
    shares, best = log_posterior.softmax(0), log_posterior[..., -1].argmax(0)
    expected = torch.zeros(1)
    told = [asked.ask(component.expert, component.rows) for component in components]
    for share, component, said in zip(shares, components, told, strict=True):
        rows, outputs = component.rows, criterion.expected(said.activity.membrane.permute(2, 0, 1).double())
        expected = expected if expected.dim() > 1 else outputs.new_zeros(len(asked), *outputs.shape[1:])
        expected[rows] += share[rows, :, None] * outputs
    tasks = torch.tensor([component.expert.classes[0] for component in components])[best]
    answers = _counted(asked, heard, components, told, tasks)
    return replace(answers, steps=criterion.outputs(expected).float())


def _counted(
    asked: Question, heard: Features, components: Sequence[Component], told: Sequence[Said], classes: Tensor
) -> Answers:
    """Answers, with what it took to come by them; who was listened to goes on from there."""
    network, parts = asked.agent.network, [(said.spikes, c.rows) for said, c in zip(told, components, strict=True)]
    spikes = Spikes.joined([(heard.spikes, asked.everyone), *parts], len(asked))
    work = (
        heard.work
        - heard.goes_on
        + Work(
            sum(float(said.operations.sum()) for said in told) / len(asked),
            sum(said.multiplications * len(said.operations) for said in told) / len(asked),
        )
    )
    every = spikes.per_sample(network.fabric.neurons, asked.inputs)
    return Answers(
        classes,
        classes,
        *costs.traffic(network, every),
        work.additions,
        spikes=spikes,
        multiplications_per_sample=work.multiplications,
        corner_hop_spikes_per_sample=costs.corner_hop_spikes(network, every),
        run_steps=asked.x.shape[1],
    )


def opinions(agent: GatingAgent, expert: Expert, x: Tensor) -> tuple[Tensor, Tensor]:
    """log p(class | expert, x) and v log prior(class | expert, x) [B, classes], where there is a vote."""
    asked = question(agent, x).among((expert.number,))
    heard = asked.heard.counts if isinstance(agent.gate, LevelsGating) else features(agent, x)
    vote = _class_prior(agent, agent.gate.class_scores(heard), torch.tensor(expert.classes))
    return _log_p(agent, asked.ask(expert, asked.everyone)), agent.options.vote * vote


def has_vote(agent: GatingAgent) -> bool:
    """Whether the gating network has a say in which class of an expert it is."""
    if agent.criterion is not None or isinstance(agent.gate, LabelGating):
        return False
    return agent.options.vote > 0 and bool(agent.gate.classes)


def _class_prior(agent: GatingAgent, density: Tensor, classes: Tensor) -> Tensor:
    """log prior(class | expert, x) of an expert's classes [B, classes], of log densities of those of the gate."""
    known = agent.gate.classes
    log_density = torch.full((len(density), int(max(*classes, *known)) + 1), UNKNOWN, dtype=torch.float64)
    log_density[:, list(known)] = density.double() / agent.options.temperature
    return log_density[:, classes].log_softmax(1)


def _log_p(agent: GatingAgent, said: Said) -> Tensor:
    """log p(class | expert, x) [B, classes]."""
    return agent.network.read(said.activity).double().log_softmax(1)


def needs_label(agent: GatingAgent) -> bool:
    """Whether the agent cannot choose between its experts by inputs, unless it is told the task."""
    return (isinstance(agent.gate, LabelGating) or agent.belief is not None) and len(agent.experts) > 1


def gate_alone(agent: GatingAgent, x: Asked) -> Answers | None:
    """What the gating network answers by itself; None where it only passes labels on, or could only name the task."""
    if isinstance(agent.gate, LabelGating) or not agent.gate.classes or agent.criterion is not None:
        return None
    asked = question(agent, x)
    cost = replace(asked.cost, buffered_spikes=0.0, latency=0.0)  # no expert waits for it
    known = torch.tensor(agent.gate.classes)
    log_p = torch.full((len(asked), int(known.max()) + 1), -torch.inf, dtype=torch.float64)
    log_p[:, known] = asked.density.double()
    classes, work = known[asked.density.argmax(1)], asked.heard.work
    answers = Answers(
        classes,
        classes,
        0.0,
        0.0,
        work.additions,
        cost,
        multiplications_per_sample=work.multiplications,
        log_p=log_p,
    )
    if agent.gate.hears not in ("experts", "columns", "levels"):
        return answers
    listened, network = asked.x[:, : heard_steps(agent.options.listen, asked.x.shape[1])], agent.network
    every = asked.heard.spikes.per_sample(network.fabric.neurons, per_channel(listened))
    spikes, hop_spikes = costs.traffic(network, every)
    corners = costs.corner_hop_spikes(network, every)
    return replace(
        answers,
        spikes_per_sample=spikes,
        hop_spikes_per_sample=hop_spikes,
        corner_hop_spikes_per_sample=corners,
    )
