"""Old experts are looked after: what faults and age have done to them is repaired by auction (``faults.heal``).

When an experience has been learned, the loss of its expert on samples that are kept of it is remembered: those
validation samples that old experts sell neurons by as well (``growth.buy_back.samples``). Where faults come that are
known, or with ``faults.watch`` whenever another experience begins, every old expert is asked again. Whose loss has
risen by more than ``faults.tolerance`` holds auctions of repairs (``growth.repairs.auction``), the one that has lost
most first. Read-outs are made from training samples that are kept (``growth.reuse.samples``).

Experts whose outputs serve several tasks, or those of others, are left alone: they learn on, or are not their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.model.chip.faults import FaultMap
from smalti.model.grafting.graft import freeze
from smalti.model.grafting.healing import Remembered, speaking
from smalti.scheduler import breakage
from smalti.scheduler.breakage import Damage
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth.readout import Batch as Samples
from smalti.scheduler.growth.readout import loss_of
from smalti.scheduler.growth.repairs.auction import Repairs, Row
from smalti.scheduler.growth.repairs.remedies import Patient, Remedies
from smalti.scheduler.learning.training import Batch, Learner, learning_rate, train_step
from smalti.scheduler.protocols.protocol import (
    Parts,
    Round,
    alone,
    begun_at,
    kept_of,
    learn_of_answers,
    serving,
)
from smalti.scheduler.protocols.unsolved import values_of
from smalti.scheduler.randomness import Use, generator
from smalti.scheduler.streams import Experience

PRACTICE = 2  # what random numbers are for, beside the stages of births and read-outs


class Healing:
    """What faults do to a run, and what is done about it.

    Args:
        parts: that they strike.
        config: of the run.
        faults: that come, or have always been there.
    """

    def __init__(self, parts: Parts, config: Config, faults: FaultMap | None) -> None:
        self.parts, self.config, self.faults = parts, config, faults
        self.usual: dict[int, float] = {}  # task -> loss of its expert when it had been learned
        self.rows: list[Row] = []  # of the table ``repairs``, of the round in hand

    @property
    def active(self) -> bool:
        """Whether old experts are repaired."""
        return self.config.faults.heal == "auction"

    @property
    def stored_values(self) -> int:
        """Numbers kept of old tasks; validation samples that old experts sell by are counted there."""
        if not self.active:
            return 0
        experiences = (self.parts.stream.experiences[position] for position in self._positions().values())
        return sum(self._kept(one) * values_of(one.train) for one in experiences)

    def come(self, now: Round, devices: Sequence[Tensor]) -> tuple[Damage, Tensor]:
        """Before a round begins: let faults come whose round it is, and repair.

        Args:
            now: the round.
            devices: what is known of devices beside the chip and the optimiser, [K, R, n] each: it goes along.

        Returns:
            What faults did, and the devices that repairs have laid [K, R, n] bool, whose writes are counted.
        """
        grower, network = self.parts.grower, self.parts.grower.network
        self.rows, spoke = [], speaking(network) if self.active else None
        with network.memristors.rewriting():
            damage = breakage.come(grower, self.faults, self.config.faults, now.number, devices)
        before, watched = network.state.mask.clone(), self.config.faults.watch and now.first_step == 0
        if spoke is not None and (damage.lost or watched):
            self._repair(now, damage.links, devices)
            spoke[[slot for slot, _, _ in grower.born]] = False
            breakage.retire_orphans(grower, spoke)
        laid = network.state.mask & ~before
        relaid = damage.relaid + sum(self._lies(link) for link in damage.links)
        return damage._replace(relaid=relaid, links=()), laid

    def learned(self, now: Round) -> None:
        """An experience has been learned: remember how large the loss is."""
        if self.active:
            self.usual[now.experience.task] = self._loss(now.position)

    def state_dict(self) -> dict[str, Any]:
        """The losses that are remembered."""
        return {"usual": [*self.usual.items()]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        self.usual = {task: float(loss) for task, loss in state["usual"]}

    def _repair(self, now: Round, lost: Sequence[Remembered], devices: Sequence[Tensor]) -> None:
        """Ask every old expert, and let those that have lost hold auctions, who has lost most first."""
        positions = {task: at for task, at in self._positions().items() if at < now.position and self._own(at)}
        risen = {task: self._loss(at, self._seconds) - self.usual[task] for task, at in positions.items()}
        for task in sorted(risen, key=lambda task: -risen[task]):
            if risen[task] <= self.config.faults.tolerance:
                continue
            then = begun_at(self.parts, now.config, positions[task])
            patient = self._patient(now, then)
            repairs = Repairs(Remedies(self.parts.grower, patient, lost, devices))
            if repairs.run():
                learn_of_answers(self.parts, patient.expert, then)
            self.rows += [{"round": now.number, **row} for row in repairs.rows]

    def _patient(self, now: Round, then: Round) -> Patient:
        task, growth, faults = then.experience.task, now.config.growth, now.config.faults
        expert, training = serving(self.parts, then.position), then.batches.probe(growth.reuse.samples, then.number)
        chance = partial(generator, now.config.run.seed, Use.REPAIR, now.number, task)
        copied = faults.practice and (self.faults is None or faults.known)
        return Patient(
            expert=expert,
            task=task,
            kept=kept_of(then),
            training=training,
            enough=self.usual[task] + faults.tolerance,
            chance=chance,
            reserve=growth.reserve,
            seconds=self._seconds,
            learn=partial(self._learn, expert, training, chance) if copied else None,
        )

    def _learn(
        self, expert: Expert, training: Samples, chance: Callable[[int, int, int], np.random.Generator], auction: int
    ) -> None:
        """Let an expert learn on samples, nobody else's devices moving; what keeps old tasks takes no note of it."""
        trainee, agent, practice = self.parts.trainee, self.parts.agent, self.config.faults.practice
        network, rehearsal, (x, wanted) = trainee.network, trainee.rehearsal, training
        options, held = (
            replace(self.config.training, rounds=1, steps=practice, restarts=()),
            deepcopy(rehearsal.state_dict()),
        )
        freeze(network, expert.running(network))
        learner = Learner.of(network, expert, agent.running(expert))
        for number in range(practice):
            order = chance(auction, PRACTICE, number).permutation(len(x))[: options.batch]
            rows = torch.from_numpy(order)
            batch, rate = Batch(x[rows], wanted[rows], rows), learning_rate(number, options)
            train_step(trainee, learner, batch, rate, options, self.config.growth.newborns)
        rehearsal.load_state_dict(held)

    def _positions(self) -> dict[int, int]:
        """Of every task that has been learned the experience in which it was last."""
        experiences = self.parts.stream.experiences
        served = sorted(position for expert in self.parts.agent.experts for position in expert.tasks)
        return {task: at for at in served if (task := experiences[at].task) in self.usual}

    def _own(self, position: int) -> bool:
        """Whether an expert has outputs of its own, for one task alone."""
        expert = serving(self.parts, position)
        shared = any(self._shared(expert, other) for other in self.parts.agent.experts if other is not expert)
        return alone(self.parts, position) and not expert.lent and not shared

    @staticmethod
    def _shared(expert: Expert, other: Expert) -> bool:
        return bool(set(expert.outputs) & set(other.outputs))

    @property
    def _seconds(self) -> float:
        """From one watch to the next, over which devices drift."""
        watched = self.config.faults.watch
        return self.config.training.rounds * self.config.devices.round_seconds if watched else 0.0

    def _loss(self, position: int, seconds: float = 0.0) -> float:
        """Of the expert of an experience on the samples that are kept, now or so many seconds later."""
        then, memristors = begun_at(self.parts, self.config, position), self.parts.grower.network.memristors
        now = memristors.seconds
        memristors.at(now + seconds)
        loss = loss_of(self.parts.grower, serving(self.parts, position), kept_of(then))
        memristors.at(now)
        return loss

    def _kept(self, experience: Experience) -> int:
        """Samples of a task that are kept for repairs and for nothing else."""
        growth = self.config.growth
        sold = growth.buy_back.by != "none"
        asked = 0 if sold else min(growth.buy_back.samples, len(experience.validation))
        return min(growth.reuse.samples, len(experience.train)) + asked

    def _lies(self, link: Remembered) -> bool:
        """Whether a link that was lost lies again, with devices of those that it had."""
        network = self.parts.grower.network
        row = network.links.rows.get((link.source, link.tile))
        return row is not None and bool((network.state.mask[link.tile, row] & link.mask).any())
