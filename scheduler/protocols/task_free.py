"""Training where nobody is told when a task ends: a detector looks at every minibatch before it is trained on.

1. Samples of labels that no expert serves wait; neither the network nor the gating network learns them yet.
2. An alarm begins an episode. Where labels wait, it is settled once enough of their samples have gathered: inputs that
   are new to the gating network found an expert for these labels; others go to the expert that explains them best,
   which takes the labels on. Where no label waits, the expert that serves most of what the present one does not is
   gone back to; where the present one serves everything, it begins anew (the inputs may have changed, as in domains).
3. Labels that wait for too long without an alarm are taken on by the present expert.
4. The samples that the present expert serves train it. The experts of the others are protected and learn nothing.

Where samples ask for targets instead of their labels: ``scheduler.protocols.by_feedback``.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from smalti.agents.expert import Expert
from smalti.model.chip.fabric import NoRoomError
from smalti.scheduler.answers import hearing
from smalti.scheduler.answers.judge import positions
from smalti.scheduler.growth.columns import shared_columns
from smalti.scheduler.growth.seed_expert import extend_expert
from smalti.scheduler.protocols.protocol import Parts, protect
from smalti.scheduler.protocols.unannounced import RoundState, Unannounced
from smalti.scheduler.protocols.waiting import Waiting
from smalti.scheduler.streams.drift import Minibatch
from smalti.scheduler.streams.wanted import Wanted


class TaskFree(Unannounced):
    """Who is trained, as a detector and the labels tell it."""

    kept = (*Unannounced.kept, "alarmed")

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.alarmed = True  # whether an alarm waits to be settled; the beginning needs none
        self.waiting = Waiting.nobody(parts.stream.steps, parts.stream.channels)

    def state_dict(self) -> dict[str, Any]:
        """All that is kept from round to round."""
        return {**super().state_dict(), "waiting": self.waiting.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        super().load_state_dict(state)
        self.waiting = Waiting.from_state(state["waiting"])

    def _look(self, state: RoundState, batch: Minibatch, step: int) -> None:
        """Ask the detector, and follow from it."""
        experts, options = self.parts.agent.experts, state.options
        unserved = ~_served_by(experts, batch.labels)
        alarm = bool(experts) and self._detect(state, batch, step, float(unserved.double().mean()), self.alarmed)
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
        novelty = agent.gate.novelty(hearing.features(agent, batch.x))
        protect(self.parts, state.now.config.gating, expert)
        self._begin(state, expert, novelty)

    def _settle(self, state: RoundState, step: int) -> None:
        """An alarm, and enough samples of labels without an expert."""
        agent, gating = self.parts.agent, state.now.config.gating
        counts, classes = hearing.features(agent, self.waiting.x), self.waiting.classes
        novelty = agent.gate.novelty(counts)
        if agent.experts and novelty <= gating.detect.novelty:
            best = int(agent.gate.scores(counts).mean(0).argmax())
            self._take_on(state, agent.experts[agent.gate.assignment.experts[best]], step, "gate")
            return
        if gating.experts == "shared":
            classes = tuple(range(self.parts.stream.classes))
        protect(self.parts, gating, None)
        expert, event = self._served(state, classes, step)
        state.note(step, event, ("gate", novelty, gating.detect.novelty), expert.number, classes)
        self._begin(state, expert, novelty)

    def _served(self, state: RoundState, classes: tuple[int, ...], step: int) -> tuple[Expert, str]:
        """Who serves the labels that wait from now on, and what the table ``detections`` calls that.

        Where there is no room for a new expert, output units that there are say these classes.

        Raises:
            NoRoomError: there are too few of them.
        """
        expert = self._found(state, classes, self._waiters(), step)
        if expert is not None:
            return expert, "new"
        columns = shared_columns(self.parts.grower, classes, self._waiters(), self._waiters())
        if columns is None:
            raise NoRoomError(f"the chip has no room for classes {', '.join(map(str, classes))}, and too few outputs")
        expert = self.parts.agent.share(classes, columns.outputs)
        expert.meet(self.key + 1, classes, apart=False)
        return expert, "refused"

    def _take_on(self, state: RoundState, expert: Expert, step: int, detector: str) -> None:
        """Let an expert serve the labels that wait; where its tile has no room, a new one."""
        agent, classes, gating = self.parts.agent, self.waiting.classes, state.now.config.gating
        novelty = agent.gate.novelty(hearing.features(agent, self.waiting.x))
        event = "extended"
        protect(self.parts, gating, expert)
        if not extend_expert(self.parts.grower, expert, state.now.experience.task, classes):
            expert, event = self._served(state, classes, step)
        state.note(step, event, (detector, novelty, gating.detect.novelty), expert.number, classes)
        self._begin(state, expert, novelty)

    def _waiters(self) -> tuple[Tensor, Wanted]:
        return self.waiting.x, Wanted(self.waiting.labels)

    def _begin(self, state: RoundState, expert: Expert, novelty: float) -> None:
        """Begin an episode of an expert; whoever waited is served now."""
        super()._begin(state, expert, novelty)
        self.alarmed = False
        served, self.waiting = self.waiting, Waiting.nobody(*self.waiting.x.shape[1:])
        self._observe(served.x[served.fresh], served.labels[served.fresh])

    def _learn(self, state: RoundState, batch: Minibatch) -> None:
        """Train the present expert on the samples that it serves, if there are any."""
        self._observe(batch.x[batch.fresh], batch.labels[batch.fresh])
        if not self.parts.agent.experts:
            return
        mine = _served_by([self.expert], batch.labels)
        if mine.any():
            self._train_on(state, batch.x[mine], Wanted(batch.labels[mine]))

    def _observe(self, x: Tensor, labels: Tensor) -> None:
        if len(labels):
            self.parts.agent.gate.observe(hearing.features(self.parts.agent, x), labels, self.key)


def _served_by(experts: list[Expert], labels: Tensor) -> Tensor:
    """Which labels some of the experts serve [B] bool."""
    return torch.isin(labels, torch.tensor([c for e in experts for c in e.classes], dtype=labels.dtype))
