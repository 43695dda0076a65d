"""Samples whose task changes while they last: test samples of several tasks, one after the other in time.

A session holds a sample of each of n = ``stream.session`` tasks that have been met. Sessions begin with every one of
these tasks; those that follow come in the order in which they were met, and after the last the first again, so every
task comes once at every place. Nothing is reset between two tasks: membranes go on, and so does the window of a running
gate. A gate that decides once a sample decides by the first trial. Trials are scored one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from smalti.agents.gating import GatingAgent
from smalti.scheduler.answers.evaluation import Answers, at_every_step
from smalti.scheduler.streams import Experience
from smalti.scheduler.streams.types import Readout
from smalti.scheduler.streams.wanted import Wanted

SPLIT = "session"  # what the part of the data is called in tables


@dataclass(frozen=True, eq=False)
class Session:
    """Sessions that begin with the same task."""

    tasks: tuple[Experience, ...]  # n of them, in time
    x: Tensor  # [B, n T, I] spikes
    wanted: Wanted  # of n B trials: those at the first place, then those at the second, and so on

    def score(self, answers: Answers, readout: Readout | None) -> float:
        """Score of answers at every step, mean over the trials."""
        assert answers.steps is not None  # as of all samples with targets
        trials = torch.cat(answers.steps.chunk(len(self.tasks), 1))
        return replace(answers, steps=trials).score(self.wanted, readout)


def sessions(
    met: Sequence[Experience], trials: int, samples: Callable[[Experience], tuple[Tensor, Wanted]]
) -> Iterator[Session]:
    """Sessions that begin with every task that was met; none while those are fewer than the trials of a session.

    Args:
        met: experiences of different tasks.
        trials: n, at least 2.
        samples: gives spikes [B, T, I] of an experience and what they ask; of more in one than in another, the first
            are taken.
    """
    if len(met) < trials:
        return
    for first in range(len(met)):
        tasks = tuple(met[(first + place) % len(met)] for place in range(trials))
        parts = [samples(task) for task in tasks]
        fewest = slice(min(len(x) for x, _ in parts))
        wanted = Wanted.joined([wanted[fewest] for _, wanted in parts])
        yield Session(tasks, torch.cat([x[fewest] for x, _ in parts], 1), wanted)


def told(agent: GatingAgent, session: Session) -> Answers | None:
    """Answers when every task is told while it lasts; None where one has no expert."""
    experts = [expert for task in session.tasks if (expert := agent.find(task.classes)) is not None]
    if agent.criterion is None or len(experts) < len(session.tasks):
        return None
    samples, steps = session.x.shape[:2]
    asked = torch.tensor([expert.number for expert in experts]).repeat_interleave(steps // len(experts))
    certain = torch.zeros((samples, steps), dtype=torch.float64)
    certainly = [
        (expert, certain.masked_fill(asked != expert.number, -torch.inf))
        for expert in {expert.number: expert for expert in experts}.values()
    ]
    return at_every_step(agent, agent.criterion, certainly, session.x)
