"""Combinations of factors that were never trained, asked when all others have been: who answers, and how.

Of two levels it is the way through the parts that serve most tasks of the two factors. Of one level nobody knows the
combination; the last expert that learned the same question in another view says the classes in their order. One expert
for all tasks answers by outputs that it has for them and that nothing has trained.
"""

from __future__ import annotations

from torch import Tensor

from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.scheduler.answers.evaluation import Answers, of_expert, with_label
from smalti.scheduler.streams import Experience, Stream


def answers(agent: GatingAgent, stream: Stream, experience: Experience, x: Tensor) -> Answers | None:
    """Answers to samples x [B, T, I] of a combination, its factors being told; None: nobody has any."""
    expert = answering(agent, stream, experience)
    if expert is None:
        return None
    return with_label(agent, expert, x, experience.classes) if expert in agent.experts else of_expert(agent, expert, x)


def answering(agent: GatingAgent, stream: Stream, experience: Experience) -> Expert | None:
    """Who answers for a combination; None: nobody."""
    known, factors = agent.find(experience.classes), stream.factors[experience.task]
    if known is not None:
        return known
    outputs, number = stream.outputs_for(experience.classes), len(agent.experts)
    sets = [list(experience.classes)]
    if agent.levels.relay:
        path = agent.levels.told(factors, outputs)
        if path is None:
            return None
        ends = agent.levels.south[path[1]].outputs
        return Expert(number, experience.classes, -1, ends, sets=sets, path=path)
    asked = {at for at, one in enumerate(stream.experiences) if stream.factors[one.task][1] == factors[1]}
    able = [one for one in agent.experts if asked & {*one.tasks} and len(one.outputs) == outputs]
    if not able:
        return None
    last = max(able, key=lambda one: max(asked & {*one.tasks}))
    return Expert(number, experience.classes, last.output_tile, last.outputs, neurons=[*last.neurons], sets=sets)
