"""Training where nobody is told when a task ends: a detector looks at every minibatch before it is trained on.

1. Samples of labels that no expert serves wait; neither the network nor the gating network learns them yet.
2. An alarm begins an episode. Where labels wait, it is settled once enough of their samples have gathered: inputs that
   are new to the gating network found an expert for these labels; others go to the expert that explains them best,
   which takes the labels on. Where no label waits, the expert that serves most of what the present one does not is
   gone back to; where the present one serves everything, it begins anew (the inputs may have changed, as in domains).
3. Labels that wait for too long without an alarm are taken on by the present expert.
4. The samples that the present expert serves train it. The experts of the others are protected and learn nothing.

An episode protects all other experts, and learning rate and growth count from its beginning. The tables alone know the
experiences.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from smalti.agents.expert import Expert
from smalti.model.chip.fabric import NoRoomError
from smalti.model.gating.detection import DETECTORS, DetectionOptions, Glimpse, Memory
from smalti.scheduler import evaluation
from smalti.scheduler.growth.seed_expert import extend_expert, open_expert
from smalti.scheduler.judge import positions
from smalti.scheduler.protocols.protocol import Parts, Progress, Round, Trained, protect
from smalti.scheduler.protocols.waiting import Waiting, classes_of
from smalti.scheduler.randomness import Use, generator
from smalti.scheduler.streams.drift import DriftingBatches, Minibatch
from smalti.scheduler.streams.wanted import Wanted
from smalti.scheduler.summary import Accumulator
from smalti.scheduler.training import Batch, Learner, learning_rate, train_step

KEPT = ("key", "began", "present", "learned", "alarmed", "rest", "novelty")  # plain fields of a checkpoint


@dataclass
class RoundState:
    """The round in hand, and what it has gathered so far."""

    now: Round
    shown: Accumulator
    first: int = 0  # stretch of ``shown`` with which the present episode begins
    seen: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # what the episode was trained on
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
        """Spikes [B, T, I] and classes of the samples trained on last."""
        x, labels = (torch.cat(parts) for parts in zip(*self.seen, strict=True))
        count = self.now.config.growth.probe
        return x[-count:], Wanted(labels[-count:])


class TaskFree:
    """Who is trained, as a detector and the labels tell it."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.key = -1  # episodes so far, less one: what the gating agent calls the present task
        self.began = 0  # round in which the episode began
        self.present = -1  # number of the present expert
        self.learned = 0  # minibatches of the episode that trained it
        self.alarmed = True  # whether an alarm waits to be settled; the beginning needs none
        self.rest = 0  # minibatches without alarms to come
        self.novelty = float("nan")  # of the episode's inputs when it began
        self.memory = Memory()
        self.waiting = Waiting.nobody(parts.stream.steps, parts.stream.channels)

    @property
    def expert(self) -> Expert:
        """The expert in training."""
        return self.parts.agent.experts[self.present]

    def begin(self, now: Round) -> None:
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

    def end(self, now: Round) -> None:
        """Nobody is told that an experience ends."""

    def state_dict(self) -> dict[str, Any]:
        """All that is kept from round to round."""
        plain = {name: getattr(self, name) for name in KEPT}
        return {**plain, "memory": self.memory.state_dict(), "waiting": self.waiting.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        for name in KEPT:
            setattr(self, name, state[name])
        self.novelty = float(self.novelty)
        self.memory, self.waiting = Memory(**state["memory"]), Waiting.from_state(state["waiting"])

    def _look(self, state: RoundState, batch: Minibatch, step: int) -> None:
        """Ask the detector, and follow from it."""
        experts, options = self.parts.agent.experts, state.options
        unserved = ~_served_by(experts, batch.labels)
        alarm = bool(experts) and self._detect(state, batch, step, float(unserved.double().mean()))
        self.waiting = self.waiting.joined(batch, unserved)
        batch.fresh = batch.fresh & ~unserved
        if alarm:
            self.rest, self.alarmed = options.rest, True
        if not len(self.waiting):
            if alarm:
                self._go_back(state, batch, step)
        elif self.alarmed and len(self.waiting) >= options.gather and len(self.waiting.classes) > 1:
            self._settle(state, step)
        elif self.waiting.since >= options.hold and experts:
            self._take_on(state, self.expert, step, "hold")

    def _detect(self, state: RoundState, batch: Minibatch, step: int, unserved: float) -> bool:
        counts, options = evaluation.features(self.parts.agent, batch.x), state.options
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
        alarm = value > threshold and not self.rest and not self.alarmed
        self.rest = max(0, self.rest - 1)
        if alarm:
            state.note(step, "alarm", (options.by, value, threshold), self.present, classes_of(batch.labels))
        return alarm

    def _loss(self, batch: Minibatch) -> float:
        """Loss of the present expert before it learns; a label that it has no output for counts as one more class."""
        network, expert = self.parts.trainee.network, self.expert
        mine = _served_by([expert], batch.labels)
        total = float((~mine).sum()) * math.log(len(expert.classes) + 1)
        if mine.any():
            outputs = torch.tensor(expert.outputs, device=network.device)
            target = positions(expert.classes, batch.labels[mine]).to(network.device)
            with torch.no_grad():
                logits = network.read(network.run(batch.x[mine], outputs, self.parts.agent.running(expert)))
                total += float(cross_entropy(logits, target, reduction="sum"))
        return total / len(batch.labels)

    def _go_back(self, state: RoundState, batch: Minibatch, step: int) -> None:
        """An alarm, and every label has an expert."""
        agent = self.parts.agent
        foreign = batch.labels[~_served_by([self.expert], batch.labels)]
        served = {e.number: int(_served_by([e], foreign).sum()) for e in agent.experts}
        expert = agent.experts[max(served, key=lambda n: served[n])] if len(foreign) else self.expert
        state.note(step, "again", ("labels", len(foreign) / len(batch.labels), 0.0), expert.number, ())
        novelty = agent.gate.novelty(evaluation.features(agent, batch.x))
        protect(self.parts, state.now.config.gating, expert)
        self._begin(state, expert, novelty)

    def _settle(self, state: RoundState, step: int) -> None:
        """An alarm, and enough samples of labels without an expert."""
        agent, gating = self.parts.agent, state.now.config.gating
        counts, classes = evaluation.features(agent, self.waiting.x), self.waiting.classes
        novelty = agent.gate.novelty(counts)
        if agent.experts and novelty <= gating.detect.novelty:
            best = int(agent.gate.scores(counts).mean(0).argmax())
            self._take_on(state, agent.experts[agent.gate.assignment.experts[best]], step, "gate")
            return
        if gating.experts == "shared":
            classes = tuple(range(self.parts.stream.classes))
        protect(self.parts, gating, None)
        expert = self._found(state, classes, step)
        state.note(step, "new", ("gate", novelty, gating.detect.novelty), expert.number, classes)
        self._begin(state, expert, novelty)

    def _take_on(self, state: RoundState, expert: Expert, step: int, detector: str) -> None:
        """Let an expert serve the labels that wait; where its tile has no room, a new one."""
        agent, classes, gating = self.parts.agent, self.waiting.classes, state.now.config.gating
        novelty = agent.gate.novelty(evaluation.features(agent, self.waiting.x))
        event = "extended"
        protect(self.parts, gating, expert)
        if not extend_expert(self.parts.grower, expert, state.now.experience.task, classes):
            event, expert = "new", self._found(state, classes, step)
        state.note(step, event, (detector, novelty, gating.detect.novelty), expert.number, classes)
        self._begin(state, expert, novelty)

    def _found(self, state: RoundState, classes: tuple[int, ...], step: int) -> Expert:
        """A new expert for the samples that wait."""
        now = state.now
        chance = now.chance_of_seeds(step % now.config.training.steps)
        try:
            expert = self.parts.agent.add_expert(classes, self.parts.stream.outputs_for(classes))
            expert.meet(self.key + 1, classes, apart=False)
            open_expert(
                self.parts.grower, expert, now.experience.task, self.waiting.x, Wanted(self.waiting.labels), chance
            )
        except NoRoomError as error:
            cure = "give the chip more neurons or wires (fabric), or lower growth.max_neurons"
            raise NoRoomError(f"classes {', '.join(map(str, classes))} cannot be served: {error}; {cure}") from error
        return expert

    def _begin(self, state: RoundState, expert: Expert, novelty: float) -> None:
        """Begin an episode of an expert; whoever waited is served now."""
        self.key, self.began, self.present, self.learned = self.key + 1, state.now.number, expert.number, 0
        if self.key not in expert.tasks:
            expert.meet(self.key, expert.classes, apart=False)
        self.novelty, self.memory, self.alarmed, self.rest = novelty, Memory(), False, state.options.rest
        state.first, state.seen = state.shown.stretches, []
        served, self.waiting = self.waiting, Waiting.nobody(*self.waiting.x.shape[1:])
        self._observe(served.x[served.fresh], served.labels[served.fresh])

    def _learn(self, state: RoundState, batch: Minibatch) -> None:
        """Train the present expert on the samples that it serves, if there are any."""
        self._observe(batch.x[batch.fresh], batch.labels[batch.fresh])
        if not self.parts.agent.experts:
            return
        mine = _served_by([self.expert], batch.labels)
        if not mine.any():
            return
        trainee, options = self.parts.trainee, state.now.config.training
        learner = Learner.of(trainee.network, self.expert, self.parts.agent.running(self.expert))
        labels = batch.labels[mine]
        samples = Batch(batch.x[mine], Wanted(labels), torch.arange(int(mine.sum())))
        rate = learning_rate(min(self.learned, options.rounds * options.steps - 1), options)
        step = train_step(trainee, learner, samples, rate, options, state.now.config.growth.newborns)
        state.shown.add(learner, step)
        self.learned += 1
        state.seen.append((samples.x, labels))

    def _observe(self, x: Tensor, labels: Tensor) -> None:
        if len(labels):
            self.parts.agent.gate.observe(evaluation.features(self.parts.agent, x), labels, self.key)


def _served_by(experts: list[Expert], labels: Tensor) -> Tensor:
    """Which labels some of the experts serve [B] bool."""
    return torch.isin(labels, torch.tensor([c for e in experts for c in e.classes], dtype=labels.dtype))
