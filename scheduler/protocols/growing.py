"""Growth in a round, after training: decide, retire, rewire, grow, and write down who was born; or follow a record.

It is given what training has shown, and knows not who was trained when.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from smalti.agents.auction.bids import Decision
from smalti.agents.expert import Expert
from smalti.model.growth import saturation
from smalti.model.rewiring.scope import Changes
from smalti.scheduler.growth import fate, followed, rewiring
from smalti.scheduler.growth.birth_record import Births
from smalti.scheduler.protocols.protocol import GROWING, Parts, Progress, Round, score_of
from smalti.scheduler.randomness import Use, generator
from smalti.scheduler.records import rows as tables
from smalti.scheduler.records.registry import NeuronRegistry
from smalti.scheduler.records.rows import Row
from smalti.scheduler.streams.batches import VALIDATION
from smalti.scheduler.streams.wanted import Wanted


@dataclass(frozen=True)
class Grown:
    """What became of neurons in a round, beside those who were born."""

    retired: int = 0  # neurons
    given_back: int = 0  # of them, those that were worth least
    changes: Changes = field(default_factory=Changes)  # by rewiring


@dataclass
class Growing:
    """What grows on a chip, round by round."""

    parts: Parts
    registry: NeuronRegistry
    births: Births | None  # recorded ones that are followed
    registered: int = 0  # of the births of the round in hand, those in the registry

    def begin(self) -> None:
        """Begin a round: nobody was born or bought back yet."""
        grower = self.parts.grower
        grower.outcomes, grower.born, self.registered = [], [], 0
        grower.bought = []

    def play(self, now: Round, progress: Progress, novelty: float) -> Grown:
        """Grow in a round.

        Args:
            now: the round.
            progress: what training has shown of the expert in training.
            novelty: of its task when it was thought to begin.
        """
        decision = self._decide(now, progress, novelty)
        retired, given_back = self._retire(now, progress), self._give_back(now, progress)
        changes = self._rewire(now, progress)
        self._grow(now, progress, decision)
        return Grown(retired + given_back, given_back, changes)

    def _decide(self, now: Round, progress: Progress, novelty: float) -> Decision:
        """The gating agent's decision on this round; what it may want to measure is measured on the round's probe."""
        agent, grower = self.parts.agent, self.parts.grower
        task, summary = progress.task, progress.summary
        agent.watch(task, summary.loss, summary.accuracy, novelty)
        if self.births is not None:
            return agent.follow(task, self.births.places(now.number).total())

        def measure(expert: Expert) -> saturation.Saturation:
            hidden = torch.tensor(expert.neurons, dtype=torch.int64)
            probe = grower.probe(expert, *progress.probe())
            return saturation.measure(grower.network, probe, hidden, expert.members())

        chance = generator(now.config.run.seed, Use.TIMING, now.number)
        return agent.decide(task, now.config.training.rounds, chance, measure, partial(score_of, self.parts, now))

    def _retire(self, now: Round, progress: Progress) -> int:
        """Retire neurons that were grown since the task began and have been silent for too long; how many."""
        grown = self.registry.grown_since(progress.began)
        retired = self.parts.grower.retire_idle(progress.expert, progress.summary.counts, grown)
        for slot in retired:
            self.registry.retired(slot, now.number)
        self.register(now.number)
        return len(retired)

    def _give_back(self, now: Round, progress: Progress) -> int:
        """Retire the neuron that is worth least where the task is learned well enough without it; how many."""
        options, expert, rounds = now.config.growth, progress.expert, now.config.training.rounds
        played = now.number % rounds + 1
        mends = options.until < played / rounds < 1 and len(expert.neurons) > 1
        if not options.give_back or not mends or self.parts.agent.listeners(expert):
            return 0
        slot, score = fate.worth_least(self.parts.grower, expert, self._validation(now))
        if score < options.give_back:
            return 0
        self.parts.grower.retire(slot, expert)
        self.registry.retired(slot, now.number)
        return 1

    def _validation(self, now: Round) -> tuple[Tensor, Wanted]:
        """As many validation samples as growth looks at."""
        x, wanted = now.batches.evaluation(VALIDATION)
        few = slice(now.config.growth.probe)
        return x[few], wanted[few]

    def _rewire(self, now: Round, progress: Progress) -> Changes:
        """Prune, rewire and swap as configured."""
        options, chance = now.config.growth.rewiring, generator(now.config.run.seed, Use.REWIRING, now.number)
        if not options.steps:
            return Changes()
        agent, grower, devices = self.parts.agent, self.parts.grower, self.parts.trainee.rehearsal.devices
        scope = rewiring.scope_of(grower.network, grower.moments, agent, progress.expert, progress.summary, devices)
        changes = rewiring.apply_steps(scope, options, chance)
        if changes.moved:
            self.registry.moved(grower.network.fabric, changes.moved)
            rewiring.follow(agent.experts, grower.tiles(), changes.moved)
        return changes

    def _grow(self, now: Round, progress: Progress, decision: Decision) -> None:
        """Invite candidates, hold the auction and graft the winners, or follow the births of a recorded run."""
        if not decision.births:
            return
        grower, expert, task, chance = self.parts.grower, progress.expert, now.experience.task, now.chance(GROWING)
        x, wanted = progress.probe()
        if self.births is None:
            told = now.config.stream.boundaries == "told"
            last = told and now.position + 1 == len(self.parts.stream.experiences)
            reserve = 0 if last else now.config.growth.reserve
            grower.grow(expert, task, decision.births, x, wanted, chance, reserve)
        else:
            followed.follow(grower, expert, task, self.births.places(now.number), x, wanted, chance)

    def fates(self, now: Round, progress: Progress) -> list[Row]:
        """What each neuron of the expert in training has to learn from, and what it is worth."""
        measured = fate.measure(self.parts.grower, progress.expert, progress.probe(), self._validation(now))
        known = {slot: self.registry.neurons[self.registry.id_of_slot[slot]] for slot in measured}
        return [tables.fate_row(now.number, now.experience.task, known[slot], each) for slot, each in measured.items()]

    def register(self, number: int) -> None:
        """Write births of a round that are not in the registry yet into it."""
        born = self.parts.grower.born
        for slot, rule, task in born[self.registered :]:
            self.registry.born(self.parts.grower.network, slot, rule, task, number)
        self.registered = len(born)
