"""What both protocols are given, and what they find. A protocol says who is trained when; it knows no simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.model.gating.options import GatingOptions
from smalti.model.grafting.graft import freeze, guarded
from smalti.scheduler.answers import evaluation, hearing, reliability
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.growth.readout import Batch
from smalti.scheduler.learning.summary import TrainingSummary
from smalti.scheduler.learning.training import Trainee
from smalti.scheduler.randomness import Use, generator
from smalti.scheduler.streams import Experience, Stream
from smalti.scheduler.streams.batches import VALIDATION, TaskBatches
from smalti.scheduler.streams.wanted import Wanted

SEEDING, GROWING = range(2)  # what candidates are made for: their random numbers are kept apart


@dataclass(frozen=True)
class Parts:
    """What is trained and grown; changed in place."""

    stream: Stream
    trainee: Trainee
    agent: GatingAgent
    grower: Grower


@dataclass(frozen=True)
class Round:
    """The round that is to be played."""

    config: Config
    number: int
    position: int  # of the experience in the stream
    experience: Experience
    batches: TaskBatches  # of the experience

    @property
    def first_step(self) -> int:
        """Step of the experience at which the round begins."""
        training = self.config.training
        return self.number % training.rounds * training.steps

    def chance(self, purpose: int) -> Callable[[int, int], np.random.Generator]:
        """(stage, tile) -> random numbers for the fan-in of candidates of this round."""
        return partial(generator, self.config.run.seed, Use.GROWTH, self.number, purpose)

    def chance_of_seeds(self, step: int = 0) -> Callable[[int, int], np.random.Generator]:
        """As ``chance``, for the seed of an expert that is opened before a minibatch of the round."""
        return self.chance(SEEDING if step == 0 else GROWING + step)


@dataclass(frozen=True)
class Progress:
    """What a round of training showed of the expert in training."""

    expert: Expert
    task: int  # what the gating agent calls the task in training
    began: int  # round in which that began
    summary: TrainingSummary
    probe: Callable[[], tuple[Tensor, Wanted]]  # spikes [B, T, I] and what they ask, for growth signals


@dataclass(frozen=True)
class Trained:
    """What a round of training showed."""

    summary: TrainingSummary  # of everybody who was trained
    progress: Progress | None  # None where the expert in training had no sample
    novelty: float  # of the task in training when it was thought to begin
    detections: list[dict[str, object]] = field(default_factory=list)  # rows of that table
    openings: list[dict[str, object]] = field(default_factory=list)  # rows of that table


class TrainingProtocol(Protocol):
    """Who is trained when."""

    @property
    def stored_values(self) -> int:
        """Numbers kept of the trials of old tasks."""

    def begin(self, now: Round) -> None:
        """Before the round, and before the first evaluation."""

    def train(self, now: Round) -> Trained:
        """Train the round."""

    def judged(self, now: Round, score: float) -> bool:
        """Whether the experience trains no further with that score on validation data, NaN if that was not asked."""

    def end(self, now: Round) -> list[dict[str, object]]:
        """After the last round of an experience; rows of the table ``openings`` that this adds."""

    def state_dict(self) -> dict[str, Any]:
        """All that is kept from round to round."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""


def serving(parts: Parts, position: int) -> Expert:
    """The expert that serves an experience which has begun."""
    return next(expert for expert in parts.agent.experts if position in expert.tasks)


def begun_at(parts: Parts, config: Config, position: int) -> Round:
    """The round in which an experience began, whose samples are drawn again."""
    experience, training = parts.stream.experiences[position], config.training
    batches = TaskBatches(experience, parts.stream.steps, training.batch, config.run.seed)
    return Round(config, position * training.rounds, position, experience, batches)


def alone(parts: Parts, position: int) -> bool:
    """Whether the outputs that serve the task of an experience serve no other."""
    experiences = parts.stream.experiences
    served = {experiences[one].task for one in serving(parts, position).tasks}
    return served == {experiences[position].task}


def kept_of(then: Round) -> Batch:
    """Validation samples that are kept of a task (``growth.buy_back.samples``), the same ones every time."""
    (x, wanted), few = then.batches.evaluation(VALIDATION), slice(then.config.growth.buy_back.samples)
    return x[few], wanted[few]


def learn_of_answers(parts: Parts, expert: Expert, now: Round) -> None:
    """Learn how far the answers of the expert of an experience are to be trusted, and how large its losses are."""
    agent, (x, wanted) = parts.agent, now.batches.evaluation(VALIDATION)
    hearing.tune(agent, x, wanted.labels)
    reliability.weigh(agent, expert, x, wanted.labels)
    if agent.belief is not None:
        x, wanted = now.batches.probe(now.config.growth.probe, now.number)
        agent.belief.learn(expert.number, losses_of(parts, expert, x, wanted))


def score_of(parts: Parts, now: Round) -> float:
    """Score of the experience on validation data, the task being told."""
    x, wanted = now.batches.evaluation(VALIDATION)
    return evaluation.with_task(parts.agent, x, now.experience.classes).score(wanted, parts.stream.readout)


def losses_of(parts: Parts, expert: Expert, x: Tensor, wanted: Wanted) -> Tensor:
    """Losses [B] of an expert as it is on spikes [B, T, I]."""
    network, judge = parts.trainee.network, parts.trainee.judge
    outputs = torch.tensor(expert.outputs, device=network.device)
    with torch.no_grad():
        answers = judge.answers(network.run(x, outputs, parts.agent.running(expert)))
        return judge.losses(expert, answers, wanted).cpu()


def protect(parts: Parts, options: GatingOptions, plastic: Expert | None) -> None:
    """Freeze what has been learned, or pull it back (``gating.stiffness``), but for an expert that goes on learning."""
    if not options.protect:
        return
    network = parts.trainee.network
    spared = None if plastic is None else plastic.running(network)
    if math.isinf(options.stiffness):
        freeze(network, spared)
    else:
        parts.trainee.rehearsal.elastic.hold(guarded(network, spared), options.stiffness)
