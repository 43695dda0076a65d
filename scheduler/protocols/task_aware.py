"""Training where the network is told when a task begins: it opens an expert and protects the others then.

Its counterpart, which is told nothing, is ``scheduler.protocols.task_free``. Both have the same attributes and methods.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from torch import Tensor

from smalti.agents.expert import Expert
from smalti.model.growth.graft import freeze, guarded
from smalti.scheduler import evaluation
from smalti.scheduler.growth.seed_expert import open_expert
from smalti.scheduler.streams.batches import TaskBatches
from smalti.scheduler.training import TrainingSummary, train

if TYPE_CHECKING:
    from smalti.scheduler.simulation import Simulation


class TaskAware:
    """Who is trained, as the stream tells it. All of it follows from the number of the round."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.own: TrainingSummary | None = (
            None  # what the round showed of the expert in training; None where it had no sample
        )

    @property
    def key(self) -> int:
        """What the gating agent calls the present task: the number of the experience."""
        return self.simulation.number

    @property
    def began(self) -> int:
        """Round in which it began."""
        return self.key * self.simulation.config.training.rounds

    @property
    def expert(self) -> Expert:
        """The expert in training."""
        return next(e for e in self.simulation.gating.experts if self.key in e.tasks)

    def begin(self) -> None:
        """Begin an experience: find or found its expert, protect what the others have learned.

        An expert that serves several tasks (shared labels) stays plastic while it learns another of them.
        """
        s = self.simulation
        if s.round != self.began:
            return
        experience, gating = s.experience, s.gating
        shared = s.config.gating.experts == "shared"
        classes = tuple(range(s.stream.classes)) if shared else experience.classes
        expert = gating.find(classes)
        x, labels = self._batches.probe(s.config.growth.probe, s.round)
        s.novelty = gating.gate.novelty(evaluation.features(gating, x))
        protect(s, expert)
        new = expert is None
        expert = expert or gating.found(classes)
        old = expert.label_sets()
        expert.meet(self.key, experience.classes, apart=s.stream.setting == "task")
        if new:
            open_expert(s.grower, expert, experience.task, x, labels, s.chance_of_seeds())
        s.rehearsal.begin(self._batches, expert, old, gating.running(expert), s.grower.probe)

    def train(self) -> TrainingSummary:
        """Train a round."""
        s, expert = self.simulation, self.expert
        self.own = train(
            s.network,
            s.moments,
            self._batches,
            (s.round - self.began) * s.config.training.steps,
            expert,
            s.gating.running(expert),
            s.rehearsal,
            s.config.training,
            s.config.growth.newborns,
            self._observe,
        )
        return self.own

    def end(self) -> None:
        """End an experience."""
        s, expert = self.simulation, self.expert
        s.rehearsal.end(self._batches, expert, s.gating.running(expert), s.grower.probe)
        evaluation.show_experts(s.gating, expert, self._batches)

    def probe(self) -> tuple[Tensor, Tensor]:
        """Spikes [B, T, I] and classes [B] from which growth signals are computed."""
        s = self.simulation
        return self._batches.probe(s.config.growth.probe, s.round + s.total_rounds)

    def take(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and facts that a checkpoint must hold."""
        return {}, {}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Take over what ``take`` gave."""

    @property
    def _batches(self) -> TaskBatches:
        return self.simulation.batches_of(self.simulation.experience)

    def _observe(self, number: int, x: Tensor, labels: Tensor) -> None:
        """Show the gating network every training sample once, as it comes, if it hears inputs."""
        new, gating = self._batches.unseen(number), self.simulation.gating
        if new and gating.gate.hears != "experts":
            gating.gate.observe(evaluation.features(gating, x[:new]), labels[:new], self.simulation.experience.task)


def protect(simulation: Simulation, plastic: Expert | None) -> None:
    """Freeze what has been learned, or pull it back (``gating.stiffness``), but for an expert that goes on learning."""
    gating, network = simulation.config.gating, simulation.network
    if not gating.protect:
        return
    but = None if plastic is None else plastic.running(network)
    if math.isinf(gating.stiffness):
        freeze(network, but)
    else:
        simulation.rehearsal.elastic.hold(guarded(network, but), gating.stiffness)
