"""Training where the network is told when a task begins: it opens an expert and protects the others then.

Its counterpart, which is told nothing, is ``scheduler.taskfree``. Both have the same attributes and methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from agents.expert import Expert
from model.growth.graft import freeze
from scheduler import evaluation
from scheduler.feed import Feed
from scheduler.training import Lesson, train

if TYPE_CHECKING:
    from scheduler.simulation import Simulation


class Told:
    """Who is trained, as the stream tells it. All of it follows from the number of the round."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.own: Lesson | None = None  # what the round showed of the expert in training; None where it had no sample

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
        x, labels = self._feed.probe(s.config.growth.probe, s.round)
        s.novelty = gating.gate.novelty(evaluation.features(gating, x))
        if s.config.gating.protect:
            freeze(s.network, None if expert is None else expert.running(s.network))
        if expert is None:
            expert = gating.found(classes)
            s.grower.open(expert, experience.task, x, labels, s.chance_of_seeds())
        expert.tasks.append(self.key)

    def train(self) -> Lesson:
        """Train a round."""
        s, expert = self.simulation, self.expert
        self.own = train(
            s.network,
            s.moments,
            self._feed,
            (s.round - self.began) * s.config.training.steps,
            expert.classes,
            torch.tensor(expert.outputs, device=s.network.device),
            s.gating.running(expert),
            s.config.training,
            s.config.growth.upbringing,
            self._observe,
        )
        return self.own

    def probe(self) -> tuple[Tensor, Tensor]:
        """Spikes [B, T, I] and classes [B] from which growth signals are computed."""
        s = self.simulation
        return self._feed.probe(s.config.growth.probe, s.round + s.total_rounds)

    def take(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and facts that a checkpoint must hold."""
        return {}, {}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Take over what ``take`` gave."""

    @property
    def _feed(self) -> Feed:
        return self.simulation.feed_of(self.simulation.experience)

    def _observe(self, number: int, x: Tensor, labels: Tensor) -> None:
        """Show the gating network every training sample once."""
        new, gating = self._feed.unseen(number), self.simulation.gating
        if new:
            gating.gate.observe(evaluation.features(gating, x[:new]), labels[:new], self.simulation.experience.task)
