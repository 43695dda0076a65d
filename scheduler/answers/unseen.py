"""Combinations of factors that were never trained, asked when all others have been: who answers, and how.

Where both factors are told it is, of two levels, the way through the parts that serve most tasks of the two. Of one
level nobody knows the combination; the last expert that learned the same question in another view says the classes in
their order. One expert for all tasks answers by outputs that it has for them and that nothing has trained.

Where the question alone is told, the gating network chooses among those who have learned it: the north part that inputs
speak for and a south part of that question, or of one level an expert of that question. Where nothing is told, gates of
two levels choose both parts, and an answer counts where its south part is one of the question; of one level every
answer would be one of another combination.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.agents.levels import Path
from smalti.model.gating.densities.mixture import NOBODY
from smalti.model.gating.networks.levels import LevelsGating
from smalti.scheduler.answers.evaluation import Answers, needs_label, of_experts, with_label
from smalti.scheduler.answers.question import question
from smalti.scheduler.streams import Experience, Stream


def answers(agent: GatingAgent, stream: Stream, experience: Experience, x: Tensor) -> dict[str, Answers]:
    """Answers to samples x [B, T, I] of a combination, by the setting; where nobody has any, none is right."""
    found = {"task": told(agent, stream, experience, x), "question": asked_alone(agent, stream, experience, x)}
    if isinstance(agent.gate, LevelsGating):
        found["class"] = untold(agent, agent.gate, stream, experience, x)
    return {setting: answer for setting, answer in found.items() if answer is not None}


def told(agent: GatingAgent, stream: Stream, experience: Experience, x: Tensor) -> Answers:
    """Both factors are told."""
    expert = answering(agent, stream, experience)
    if expert is None:
        return of_experts(agent, [], x)
    if expert in agent.experts:
        return with_label(agent, expert, x, experience.classes)
    return of_experts(agent, [(expert, torch.arange(len(x)))], x)


def asked_alone(agent: GatingAgent, stream: Stream, experience: Experience, x: Tensor) -> Answers | None:
    """The question is told, and the gating network chooses by the view."""
    asked = {at for at, one in enumerate(stream.experiences) if _question(stream, one) == _question(stream, experience)}
    outputs = stream.outputs_for(experience.classes)
    able = {e.number: e for e in agent.experts if asked & {*e.tasks} and len(e.outputs) == outputs}
    if needs_label(agent) or agent.find(experience.classes) is not None:
        return None
    if not able:
        return of_experts(agent, [], x)
    if not isinstance(agent.gate, LevelsGating):
        heard = question(agent, x).among(able)
        best = torch.tensor(agent.gate.assignment.experts)[heard.posterior.argmax(1)]
        chosen = [(_as_if(agent, experience, able[number]), best == number) for number in torch.unique(best).tolist()]
        return of_experts(agent, [(e, rows.nonzero().flatten()) for e, rows in chosen], heard, heard.heard)
    norths, ways, taken = question(agent, x), list[tuple[Path, Tensor]](), {e.path for e in agent.experts}
    best = agent.gate.ways(agent.gate.first(norths.heard.counts))[:, 0]
    for north in torch.unique(best).tolist():
        path = agent.levels.behind(north, _question(stream, experience), outputs, taken)
        if path is not None:
            ways.append((path, (best == north).nonzero().flatten()))
    experts = [(_combined(agent, experience, path), rows) for path, rows in ways]
    return of_experts(agent, experts, norths, norths.heard)


def untold(agent: GatingAgent, gate: LevelsGating, stream: Stream, experience: Experience, x: Tensor) -> Answers | None:
    """Nothing is told: gates on two levels choose both parts."""
    heard = question(agent, x)
    if not gate.paths:
        return of_experts(agent, [], x)
    best, souths = gate.ways(gate.first(heard.heard.counts))[:, 0], gate.souths(heard.heard.counts)
    if agent.find(experience.classes) is not None:
        return None
    experts = []
    for path, rows in _ways(best, souths):
        part = agent.levels.south[path[1]]
        means = _question(stream, experience) in part.serves and len(part.outputs) >= len(experience.classes)
        expert = _combined(agent, experience, path)
        classes = expert.classes if means else (NOBODY,) * len(part.outputs)
        experts.append((Expert(expert.number, classes, -1, part.outputs, path=path), rows))
    return of_experts(agent, experts, heard, heard.heard)


def answering(agent: GatingAgent, stream: Stream, experience: Experience) -> Expert | None:
    """Who answers for a combination whose factors are told; None: nobody."""
    known, factors = agent.find(experience.classes), stream.factors[experience.task]
    if known is not None:
        return known
    outputs = stream.outputs_for(experience.classes)
    if agent.levels.relay:
        path = agent.levels.told(factors, outputs)
        return None if path is None else _combined(agent, experience, path)
    asked = {at for at, one in enumerate(stream.experiences) if _question(stream, one) == factors[1]}
    able = [one for one in agent.experts if asked & {*one.tasks} and len(one.outputs) == outputs]
    return _as_if(agent, experience, max(able, key=lambda one: max(asked & {*one.tasks}))) if able else None


def _question(stream: Stream, experience: Experience) -> int:
    return stream.factors[experience.task][1]


def _ways(norths: Tensor, souths: Tensor) -> Iterator[tuple[Path, Tensor]]:
    """Every pair of parts that is chosen, and for which samples [b]."""
    for north, south in torch.unique(torch.stack([norths, souths], 1), dim=0).tolist():
        yield (north, south), ((norths == north) & (souths == south)).nonzero().flatten()


def _combined(agent: GatingAgent, experience: Experience, path: Path) -> Expert:
    """As if parts were an expert for the combination."""
    ends = agent.levels.south[path[1]].outputs
    number, sets = len(agent.experts), [list(experience.classes)]
    return Expert(number, experience.classes, -1, ends, sets=sets, path=path)


def _as_if(agent: GatingAgent, experience: Experience, other: Expert) -> Expert:
    """As if the neurons of another expert were one for the combination."""
    number, sets = len(agent.experts), [list(experience.classes)]
    neurons = [*other.neurons]
    return Expert(number, experience.classes, other.output_tile, other.outputs, neurons=neurons, sets=sets)
