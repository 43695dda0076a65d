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
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from smalti.agents.expert import Expert
from smalti.model.gating.detection import DETECTORS, Glimpse, Memory
from smalti.scheduler import evaluation
from smalti.scheduler.growth.seed_expert import extend_expert, open_expert
from smalti.scheduler.lessons import Shown, merged
from smalti.scheduler.protocols.task_aware import protect
from smalti.scheduler.randomness import Use, generator
from smalti.scheduler.streams.drift import DriftingBatches, Minibatch
from smalti.scheduler.training import TrainingSummary, positions, train

if TYPE_CHECKING:
    from smalti.scheduler.simulation import Simulation

Row = dict[str, object]
TENSORS = ("x", "labels", "fresh")  # of the samples that wait
FACTS = ("key", "began", "present", "learned", "alarmed", "rest")  # what else is kept from round to round


@dataclass
class Waiting:
    """Samples of labels without an expert."""

    x: Tensor  # [W, T, I] uint8 input spikes
    labels: Tensor  # [W] int
    fresh: Tensor  # [W] bool: the gating network has yet to learn them
    since: int = 0  # minibatches since the first of them came

    @property
    def classes(self) -> tuple[int, ...]:
        """Their labels, ascending."""
        return _classes(self.labels)


class TaskFree:
    """Who is trained, as a detector and the labels tell it."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation, self.options = simulation, simulation.config.gating.detect
        self.own: TrainingSummary | None = (
            None  # what the round showed of the present expert; None where it had no sample
        )
        self.key = -1  # episodes so far, less one: what the gating agent calls the present task
        self.began = 0  # round in which the episode began
        self.present = -1  # number of the present expert
        self.learned = 0  # minibatches of the episode that trained it
        self.alarmed = True  # whether an alarm waits to be settled; the beginning needs none
        self.rest = 0  # minibatches without alarms to come
        self.memory = Memory()
        self.waiting = self._nobody()
        self._summaries: list[TrainingSummary] = []  # of the present expert in the round in hand
        self._seen: list[tuple[Tensor, Tensor]] = []  # what it was trained on

    @property
    def expert(self) -> Expert:
        """The expert in training."""
        return self.simulation.gating.experts[self.present]

    def begin(self) -> None:
        """Nothing is known before the first minibatch."""

    def train(self) -> TrainingSummary:
        """Train a round, minibatch by minibatch."""
        s, every = self.simulation, []
        options, seed = s.config.training, s.config.run.seed
        drifting = DriftingBatches(s.stream, options, s.config.stream.drift, seed)
        self._summaries, self._seen = [], []
        within = s.round % options.rounds * options.steps
        for step in range(within, within + options.steps):
            batch = drifting.minibatch(s.number, step)
            self._look(batch, s.number * options.rounds * options.steps + step)
            summary = self._learn(batch)
            every += [summary] if summary else []
        self.own = merged(self._summaries, s.network) if self._summaries else None
        return merged(every, s.network)

    def end(self) -> None:
        """Nobody is told that an experience ends."""

    def probe(self) -> tuple[Tensor, Tensor]:
        """Spikes [B, T, I] and classes [B] of the samples trained on last."""
        x, labels = (torch.cat(parts) for parts in zip(*self._seen, strict=True))
        count = self.simulation.config.growth.probe
        return x[-count:], labels[-count:]

    def _look(self, batch: Minibatch, step: int) -> None:
        """Ask the detector, and follow from it."""
        s = self.simulation
        unserved = ~self._served_by(s.gating.experts, batch.labels)
        alarm = bool(s.gating.experts) and self._detect(batch, step, float(unserved.double().mean()))
        self._wait(batch, unserved)
        if alarm:
            self.rest, self.alarmed = self.options.rest, True
        if not len(self.waiting.labels):
            if alarm:
                self._go_back(batch, step)
        elif self.alarmed and len(self.waiting.labels) >= self.options.gather and len(self.waiting.classes) > 1:
            self._settle(step)
        elif self.waiting.since >= self.options.hold and s.gating.experts:
            self._take_on(self.expert, step, "hold")

    def _detect(self, batch: Minibatch, step: int, unserved: float) -> bool:
        s = self.simulation
        counts = evaluation.features(s.gating, batch.x)
        glimpse = Glimpse(
            step=step,
            counts=counts,
            novelty=partial(s.gating.gate.novelty, counts),
            loss=partial(self._loss, batch),
            unserved=unserved,
            begins=batch.begins,
            memory=self.memory,
            chance=generator(s.config.run.seed, Use.DETECTION, step),
        )
        value, threshold = DETECTORS[self.options.by](glimpse, self.options)
        alarm = value > threshold and not self.rest and not self.alarmed
        self.rest = max(0, self.rest - 1)
        if alarm:
            self._note(step, "alarm", self.options.by, value, threshold, self.present, _classes(batch.labels))
        return alarm

    def _loss(self, batch: Minibatch) -> float:
        """Loss of the present expert before it learns; a label that it has no output for counts as one more class."""
        s, expert = self.simulation, self.expert
        mine = self._served_by([expert], batch.labels)
        total = float((~mine).sum()) * math.log(len(expert.classes) + 1)
        if mine.any():
            outputs = torch.tensor(expert.outputs, device=s.network.device)
            target = positions(expert.classes, batch.labels[mine]).to(s.network.device)
            with torch.no_grad():
                logits = s.network.read(s.network.run(batch.x[mine], outputs, s.gating.running(expert)))
                total += float(cross_entropy(logits, target, reduction="sum"))
        return total / len(batch.labels)

    def _wait(self, batch: Minibatch, unserved: Tensor) -> None:
        waiting = self.waiting
        since = waiting.since + 1 if len(waiting.labels) else 0
        kept = {name: torch.cat([getattr(waiting, name), getattr(batch, name)[unserved]]) for name in TENSORS}
        self.waiting = Waiting(**kept, since=since)
        batch.fresh = batch.fresh & ~unserved

    def _go_back(self, batch: Minibatch, step: int) -> None:
        """An alarm, and every label has an expert."""
        gating = self.simulation.gating
        foreign = batch.labels[~self._served_by([self.expert], batch.labels)]
        served = {e.number: int(self._served_by([e], foreign).sum()) for e in gating.experts}
        expert = gating.experts[max(served, key=lambda n: served[n])] if len(foreign) else self.expert
        self._note(step, "again", "labels", len(foreign) / len(batch.labels), 0.0, expert.number, ())
        novelty = gating.gate.novelty(evaluation.features(gating, batch.x))
        protect(self.simulation, expert)
        self._begin(expert, novelty)

    def _settle(self, step: int) -> None:
        """An alarm, and enough samples of labels without an expert."""
        s, gating = self.simulation, self.simulation.gating
        counts, classes = evaluation.features(gating, self.waiting.x), self.waiting.classes
        novelty = gating.gate.novelty(counts)
        if gating.experts and novelty <= self.options.novelty:
            best = int(gating.gate.scores(counts).mean(0).argmax())
            self._take_on(gating.experts[gating.gate.assignment.experts[best]], step, "gate")
            return
        if s.config.gating.experts == "shared":
            classes = tuple(range(s.stream.classes))
        protect(s, None)
        expert = self._found(classes, step)
        self._note(step, "new", "gate", novelty, self.options.novelty, expert.number, classes)
        self._begin(expert, novelty)

    def _take_on(self, expert: Expert, step: int, detector: str) -> None:
        """Let an expert serve the labels that wait; where its tile has no room, a new one."""
        s, classes = self.simulation, self.waiting.classes
        novelty = s.gating.gate.novelty(evaluation.features(s.gating, self.waiting.x))
        event = "extended"
        protect(s, expert)
        if not extend_expert(s.grower, expert, s.experience.task, classes):
            event, expert = "new", self._found(classes, step)
        self._note(step, event, detector, novelty, self.options.novelty, expert.number, classes)
        self._begin(expert, novelty)

    def _found(self, classes: tuple[int, ...], step: int) -> Expert:
        """A new expert for the samples that wait."""
        s, within = self.simulation, step % self.simulation.config.training.steps
        expert = s.gating.found(classes)
        expert.meet(self.key + 1, classes, apart=False)
        open_expert(s.grower, expert, s.experience.task, self.waiting.x, self.waiting.labels, s.chance_of_seeds(within))
        return expert

    def _begin(self, expert: Expert, novelty: float) -> None:
        """Begin an episode of an expert; whoever waited is served now."""
        s = self.simulation
        self.key, self.began, self.present, self.learned = self.key + 1, s.round, expert.number, 0
        if self.key not in expert.tasks:
            expert.meet(self.key, expert.classes, apart=False)
        s.novelty, self.memory, self.alarmed, self.rest = novelty, Memory(), False, self.options.rest
        self._summaries, self._seen = [], []
        waiting, self.waiting = self.waiting, self._nobody()
        self._observe(waiting.x[waiting.fresh], waiting.labels[waiting.fresh])

    def _learn(self, batch: Minibatch) -> TrainingSummary | None:
        """Train the present expert on the samples that it serves, if there are any."""
        s = self.simulation
        self._observe(batch.x[batch.fresh], batch.labels[batch.fresh])
        mine = self._served_by([self.expert], batch.labels) if s.gating.experts else torch.zeros(0, dtype=torch.bool)
        if not mine.any():
            return None
        x, labels, options = batch.x[mine], batch.labels[mine], s.config.training
        total = options.rounds * options.steps
        summary = train(
            s.network,
            s.moments,
            Shown(x, labels),
            min(self.learned, total - 1),
            self.expert,
            s.gating.running(self.expert),
            s.rehearsal,
            replace(options, rounds=total, steps=1),
            s.config.growth.newborns,
            lambda number, x, labels: None,
        )
        self.learned += 1
        self._summaries.append(summary)
        self._seen.append((x, labels))
        return summary

    def _observe(self, x: Tensor, labels: Tensor) -> None:
        gating = self.simulation.gating
        if len(labels):
            gating.gate.observe(evaluation.features(gating, x), labels, self.key)

    def _served_by(self, experts: list[Expert], labels: Tensor) -> Tensor:
        """Which labels some of the experts serve [B] bool."""
        return torch.isin(labels, torch.tensor([c for e in experts for c in e.classes], dtype=labels.dtype))

    def _nobody(self) -> Waiting:
        shape = 0, self.simulation.stream.steps, self.simulation.stream.channels
        nothing = torch.zeros(0, dtype=torch.int64)
        return Waiting(torch.zeros(shape, dtype=torch.uint8), nothing, nothing.bool())

    def _note(
        self,
        step: int,
        event: str,
        detector: str,
        value: float,
        threshold: float,
        expert: int,
        classes: tuple[int, ...],
    ) -> None:
        self.simulation.rows.detections.append(
            {
                "round": self.simulation.round,
                "step": step,
                "event": event,
                "detector": detector,
                "value": value,
                "threshold": threshold,
                "expert": expert,
                "classes": [*classes],
            }
        )

    def take(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and facts that a checkpoint must hold."""
        tensors = {f"waiting.{name}": getattr(self.waiting, name) for name in TENSORS}
        tensors |= {"memory.mean": self.memory.mean, "memory.square": self.memory.square}
        facts = {name: getattr(self, name) for name in FACTS}
        return tensors, {**facts, "count": self.memory.count, "since": self.waiting.since}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Take over what ``take`` gave."""
        for name in FACTS:
            setattr(self, name, facts[name])
        self.memory = Memory(facts["count"], tensors["memory.mean"], tensors["memory.square"])
        self.waiting = Waiting(**{name: tensors[f"waiting.{name}"] for name in TENSORS}, since=facts["since"])


def _classes(labels: Tensor) -> tuple[int, ...]:
    """The classes that occur among labels, ascending."""
    return tuple(sorted(set(labels.tolist())))
