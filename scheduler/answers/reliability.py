"""How far an expert and the gating network's vote are to be trusted with the classes of the expert.

Both say how probable each class is, and the answer is their logarithmic opinion pool (Genest & Zidek 1986,
doi 10.1214/ss/1177013825; as a product of experts, Heskes 1998),

    log p(class | expert, x) = a log p_expert(class | x) + b log p_vote(class | x) + a constant.

When a task has ended, its expert gets those exponents a and b of ``EXPONENTS`` with which it has most of the task's
validation samples right; of equals the first, so that both are taken as they come unless that is worse. Where an expert
is wrong and sure of it, a is 0 and the vote answers alone.

An expert that learns a second task keeps both as they come: it forgets of the first, and no data of that is there any
more to say how much. So does every expert where boundaries are hidden, for nobody says there that a task has ended.
"""

from __future__ import annotations

from torch import Tensor

from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.scheduler.answers import evaluation
from smalti.scheduler.answers.judge import positions

Exponents = tuple[float, float]  # of an expert, of the vote

ALIKE: Exponents = (1.0, 1.0)
EXPONENTS: tuple[Exponents, ...] = (ALIKE, (1.0, 0.5), (0.5, 1.0), (1.0, 0.0), (0.0, 1.0))


def weigh(agent: GatingAgent, expert: Expert, x: Tensor, labels: Tensor) -> None:
    """Set the exponents of an expert whose task has ended.

    Args:
        agent: whose option it is.
        expert: that served the task.
        x: spikes of the task's validation samples [B, T, I].
        labels: their classes [B].
    """
    expert.exponents = ALIKE
    if agent.options.weigh == "validated" and evaluation.has_vote(agent) and len(expert.tasks) == 1:
        expert.exponents = most_often_right(*evaluation.opinions(agent, expert, x), positions(expert.classes, labels))


def most_often_right(own: Tensor, vote: Tensor, target: Tensor) -> Exponents:
    """The exponents with which most samples are right.

    Args:
        own, vote: log probabilities of an expert's classes by either [B, C].
        target: columns of the right ones [B].
    """
    right = [int(((a * own + b * vote).argmax(1) == target).sum()) for a, b in EXPONENTS]
    return EXPONENTS[right.index(max(right))]
