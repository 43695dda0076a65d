"""Training where the network is told when a task begins: it opens an expert and protects the others then.

Its counterpart, which is told nothing, is ``scheduler.protocols.task_free``.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from smalti.agents.expert import Expert
from smalti.model.chip.fabric import NoRoomError
from smalti.scheduler import evaluation
from smalti.scheduler.growth.room import Room, advice, label_sets, place_seeds
from smalti.scheduler.growth.seed_expert import open_expert
from smalti.scheduler.protocols.protocol import Parts, Progress, Round, Trained, protect
from smalti.scheduler.streams.batches import TaskBatches
from smalti.scheduler.summary import Accumulator
from smalti.scheduler.training import Batch, Learner, learning_rate, train_step


class TaskAware:
    """Who is trained, as the stream tells it. The gating agent calls a task by the number of its experience."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.novelty = float("nan")  # of the present task when it began

    def expert(self, now: Round) -> Expert:
        """The expert in training."""
        return next(expert for expert in self.parts.agent.experts if now.position in expert.tasks)

    def begin(self, now: Round) -> None:
        """Begin an experience: find or found its expert, protect what the others have learned.

        An expert that serves several tasks (shared labels) stays plastic while it learns another of them.
        """
        if now.first_step:
            return
        parts, agent, options = self.parts, self.parts.agent, now.config
        shared = options.gating.experts == "shared"
        classes = tuple(range(parts.stream.classes)) if shared else now.experience.classes
        known = agent.find(classes)
        x, labels = now.batches.probe(options.growth.probe, now.number)
        self.novelty = agent.gate.novelty(evaluation.features(agent, x))
        protect(parts, options.gating, known)
        room = None if known else self._room(now)
        try:
            expert = known or agent.add_expert(classes)
            old_label_sets = expert.label_sets()
            expert.meet(now.position, now.experience.classes, apart=parts.stream.setting == "task")
            if known is None:
                open_expert(parts.grower, expert, now.experience.task, x, labels, now.chance_of_seeds(), room)
        except NoRoomError as error:
            outputs = [len(labels) for labels in label_sets(parts.stream, 0, shared)]
            cure = advice(options.fabric, outputs, options.growth.seed_width)
            raise NoRoomError(f"task {now.experience.task} cannot be served: {error}; {cure}") from error
        rehearsal, running = parts.trainee.rehearsal, agent.running(expert)
        rehearsal.begin(now.batches, expert, old_label_sets, running, parts.grower.probe)

    def _room(self, now: Round) -> Room:
        """What to keep for the seed of the expert that begins, and for those of the experiences to come."""
        parts, agent = self.parts, self.parts.agent
        to_come = label_sets(parts.stream, now.position, now.config.gating.experts == "shared")
        outputs = [len(classes) for classes in to_come if agent.find(classes) is None]
        network, width = parts.trainee.network, now.config.growth.seed_width
        placed = place_seeds(network.links, network.free_slots(), len(agent.experts), outputs, width)
        return Room(tuple(need for one in placed if not one.obstacle for need in one.needs))

    def train(self, now: Round) -> Trained:
        """Train a round."""
        trainee, expert, options = self.parts.trainee, self.expert(now), now.config.training
        learner = Learner.of(trainee.network, expert, self.parts.agent.running(expert))
        shown = Accumulator(trainee.network)
        for number in range(now.first_step, now.first_step + options.steps):
            x, labels = now.batches.training(number)
            self._observe(now.batches, number, x, labels)
            x, labels = trainee.rehearsal.rehearse(now.batches, number, x, labels)
            batch = Batch(x, labels, now.batches.rows(number))
            rate = learning_rate(number, options)
            shown.add(learner, train_step(trainee, learner, batch, rate, options, now.config.growth.newborns))
        summary = shown.summary()

        def probe() -> tuple[Tensor, Tensor]:
            rounds = len(self.parts.stream.experiences) * options.rounds
            return now.batches.probe(now.config.growth.probe, now.number + rounds)

        began = now.position * options.rounds
        return Trained(summary, Progress(expert, now.position, began, summary, probe), self.novelty)

    def end(self, now: Round) -> None:
        """End an experience."""
        agent, expert = self.parts.agent, self.expert(now)
        self.parts.trainee.rehearsal.end(now.batches, expert, agent.running(expert), self.parts.grower.probe)
        evaluation.show_experts(agent, expert, now.batches)

    def state_dict(self) -> dict[str, Any]:
        """All that is kept from round to round."""
        return {"novelty": self.novelty}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        self.novelty = float(state["novelty"])

    def _observe(self, batches: TaskBatches, number: int, x: Tensor, labels: Tensor) -> None:
        """Show the gating network every training sample once, as it comes, if it hears inputs."""
        agent, unseen = self.parts.agent, batches.unseen(number)
        if unseen and agent.gate.hears != "experts":
            agent.gate.observe(evaluation.features(agent, x[:unseen]), labels[:unseen], batches.task)
