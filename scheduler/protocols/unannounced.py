"""What the protocols share that are not told when a task ends: minibatches, alarms, and episodes of an expert.

An episode begins where a protocol settles what an alarm meant. It protects all experts but its own; learning rate and
growth count from its beginning. The tables alone know the experiences.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.model.chip.fabric import NoRoomError
from smalti.model.gating.detection import DETECTORS, DetectionOptions, Glimpse, Memory
from smalti.scheduler.answers import hearing
from smalti.scheduler.growth.seed_expert import open_expert
from smalti.scheduler.growth.vain import mark, take_back
from smalti.scheduler.learning.summary import Accumulator
from smalti.scheduler.learning.training import Batch, Learner, Step, learning_rate, train_step
from smalti.scheduler.protocols.protocol import Parts, Progress, Round, Trained
from smalti.scheduler.protocols.waiting import classes_of
from smalti.scheduler.randomness import Use, generator
from smalti.scheduler.streams.drift import DriftingBatches, Minibatch
from smalti.scheduler.streams.wanted import Wanted


@dataclass
class RoundState:
    """The round in hand, and what it has gathered so far."""

    now: Round
    shown: Accumulator
    first: int = 0  # stretch of ``shown`` with which the present episode begins
    seen: list[tuple[Tensor, Wanted]] = field(default_factory=list)  # what the episode was trained on
    detections: list[dict[str, object]] = field(default_factory=list)

    @property
    def options(self) -> DetectionOptions:
        """Options of detection."""
        return self.now.config.gating.detect

    def note(
        self, step: int, event: str, reading: tuple[str, float, float], expert: int, classes: tuple[int, ...]
    ) -> None:
        """Write a row of the table ``detections``; a reading is a detector, its value and its threshold."""
        detector, value, threshold = reading
        self.detections.append(
            {
                "round": self.now.number,
                "step": step,
                "event": event,
                "detector": detector,
                "value": value,
                "threshold": threshold,
                "expert": expert,
                "classes": [*classes],
            }
        )

    def probe(self) -> tuple[Tensor, Wanted]:
        """Spikes [B, T, I] of the samples trained on last, and what they ask."""
        x, wanted = zip(*self.seen, strict=True)
        last = slice(-self.now.config.growth.probe, None)
        return torch.cat(x)[last], Wanted.joined(wanted)[last]


class Unannounced(ABC):
    """Who is trained, as alarms tell it; what is seen and learned of a minibatch is a subclass's."""

    kept: ClassVar[tuple[str, ...]] = ("key", "began", "present", "learned", "rest", "novelty")  # of a checkpoint

    stored_values = 0  # kept of the trials of old tasks

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.key = -1  # episodes so far, less one: what the gating agent calls the present task
        self.began = 0  # round in which the episode began
        self.present = -1  # number of the present expert
        self.learned = 0  # minibatches of the episode that trained it
        self.rest = 0  # minibatches without alarms to come
        self.novelty = float("nan")  # of the episode's inputs when it began
        self.memory = Memory()

    @property
    def expert(self) -> Expert:
        """The expert in training."""
        return self.parts.agent.experts[self.present]

    def begin(self, now: Round) -> None:  # noqa: B027  # a protocol may do something here, this one does not
        """Nothing is known before the first minibatch."""

    def train(self, now: Round) -> Trained:
        """Train a round, minibatch by minibatch."""
        options, stream = now.config.training, now.config.stream
        length = options.rounds * options.steps
        drifting = DriftingBatches(self.parts.stream, length, options.batch, stream.drift, now.config.run.seed)
        state = RoundState(now, Accumulator(self.parts.trainee.network))
        for step in range(now.first_step, now.first_step + options.steps):
            batch = drifting.minibatch(now.position, step)
            self._look(state, batch, now.position * length + step)
            self._learn(state, batch)
        progress = None
        if state.seen:
            own = state.shown.summary(state.first)
            progress = Progress(self.expert, self.key, self.began, own, state.probe)
        return Trained(state.shown.summary(), progress, self.novelty, state.detections)

    def judged(self, now: Round, score: float) -> bool:
        """Nobody is told which task would have been learned."""
        return False

    def end(self, now: Round) -> list[dict[str, object]]:
        """Nobody is told that an experience ends."""
        return []

    def state_dict(self) -> dict[str, Any]:
        """All that is kept from round to round."""
        return {**{name: getattr(self, name) for name in self.kept}, "memory": self.memory.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        for name in self.kept:
            setattr(self, name, state[name])
        self.novelty = float(self.novelty)
        self.memory = Memory(**state["memory"])

    @abstractmethod
    def _look(self, state: RoundState, batch: Minibatch, step: int) -> None:
        """Look at a minibatch before it is trained on, and follow from what is seen."""

    @abstractmethod
    def _learn(self, state: RoundState, batch: Minibatch) -> None:
        """Train the present expert on what of the minibatch is its own."""

    @abstractmethod
    def _loss(self, batch: Minibatch) -> float:
        """Mean loss of the present expert on a minibatch before it learns."""

    def _detect(self, state: RoundState, batch: Minibatch, step: int, unserved: float, waits: bool = False) -> bool:
        """Ask the detector; no alarm while an earlier one waits to be settled."""
        counts, options = hearing.features(self.parts.agent, batch.x), state.options
        glimpse = Glimpse(
            step=step,
            counts=counts,
            novelty=partial(self.parts.agent.gate.novelty, counts),
            loss=partial(self._loss, batch),
            unserved=unserved,
            begins=batch.begins,
            memory=self.memory,
            chance=generator(state.now.config.run.seed, Use.DETECTION, step),
        )
        value, threshold = DETECTORS[options.by](glimpse, options)
        alarm = value > threshold and not self.rest and not waits
        self.rest = max(0, self.rest - 1)
        if alarm:
            state.note(step, "alarm", (options.by, value, threshold), self.present, classes_of(batch.labels))
        return alarm

    def _found(
        self, state: RoundState, classes: tuple[int, ...], samples: tuple[Tensor, Wanted], step: int
    ) -> Expert | None:
        """A new expert for these samples; None where the chip has no room for one.

        Raises:
            NoRoomError: there is none for the first.
        """
        now, agent, grower = state.now, self.parts.agent, self.parts.grower
        chance = now.chance_of_seeds(step % now.config.training.steps)
        outputs, known = self.parts.stream.outputs_for(classes), list(agent.experts)
        before = mark(grower)
        try:
            expert = agent.add_expert(classes, outputs)
            expert.meet(self.key + 1, classes, apart=False)
            open_expert(grower, expert, now.experience.task, samples[0], chance)
        except NoRoomError as error:
            if not known:
                cure = "give the chip more neurons or wires (fabric), or lower growth.max_neurons"
                raise NoRoomError(
                    f"classes {', '.join(map(str, classes))} cannot be served: {error}; {cure}"
                ) from error
            for unserved in agent.experts[len(known) :]:
                take_back(grower, unserved, before)
            return None
        return expert

    def _begin(self, state: RoundState, expert: Expert, novelty: float) -> None:
        """Begin an episode of an expert."""
        self.key, self.began, self.present, self.learned = self.key + 1, state.now.number, expert.number, 0
        if self.key not in expert.tasks:
            expert.meet(self.key, expert.classes, apart=False)
        self.novelty, self.memory, self.rest = novelty, Memory(), state.options.rest
        state.first, state.seen = state.shown.stretches, []

    def _train_on(self, state: RoundState, x: Tensor, wanted: Wanted) -> Step:
        """Train the present expert on some samples."""
        trainee, options = self.parts.trainee, state.now.config.training
        learner = Learner.of(trainee.network, self.expert, self.parts.agent.running(self.expert), options.wiring)
        samples = Batch(x, wanted, torch.arange(len(x)))
        rate = learning_rate(min(self.learned, options.rounds * options.steps - 1), options)
        step = train_step(trainee, learner, samples, rate, options, state.now.config.growth.newborns)
        state.shown.add(learner, step)
        self.learned += 1
        state.seen.append((x, wanted))
        return step
