"""The simulation: a mesa.Model whose step is one round - train, measure, decide, keep up, auction, graft, record.

It holds the parts and calls them in order; what they do is in their own modules. It knows nothing of files: rows of
the round are handed out, and ``scheduler.records.state`` reads and writes the whole state.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import mesa
import numpy as np
import torch

from smalti.agents.auction.bids import SEED, Decision
from smalti.agents.auction.prices import Prices
from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.agents.tile import TileAgent
from smalti.model import costs
from smalti.model.chip.fabric import Fabric
from smalti.model.gating.adaptation import check_adaptable
from smalti.model.gating.features import heard_steps, window_count
from smalti.model.gating.networks import GATING
from smalti.model.growth import saturation
from smalti.model.network import Network
from smalti.model.optimiser import Moments
from smalti.model.rewiring.scope import Changes
from smalti.scheduler import evaluation
from smalti.scheduler.checks import check
from smalti.scheduler.configure import Given, configure, of_data
from smalti.scheduler.growth import birth_record as replay
from smalti.scheduler.growth import rewiring as rewiring
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.processor import computing
from smalti.scheduler.protocols.task_aware import TaskAware
from smalti.scheduler.protocols.task_free import TaskFree
from smalti.scheduler.randomness import Use, generator
from smalti.scheduler.records import rows as tables
from smalti.scheduler.records.played import Played
from smalti.scheduler.records.registry import NeuronRegistry
from smalti.scheduler.rehearsal import Rehearsal
from smalti.scheduler.streams import Data, Experience, Stream, load_stream
from smalti.scheduler.streams.batches import TEST, VALIDATION, TaskBatches
from smalti.scheduler.training import TrainingSummary

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, object]
SEEDING, GROWING = range(2)  # what candidates are made for: their random numbers are kept apart


@dataclass
class RoundRows:
    """What one round adds to the tables."""

    rounds: list[Row] = field(default_factory=list)
    bids: list[Row] = field(default_factory=list)
    ports: dict[str, np.ndarray] = field(default_factory=dict)  # columns
    evaluations: list[Row] = field(default_factory=list)
    detections: list[Row] = field(default_factory=list)


class Simulation(mesa.Model):  # type: ignore[misc]
    """A chip, a stream of tasks and the agents between them.

    Args:
        config: a ``Config``, or what ``scheduler.configure`` makes one of: a TOML file, a stream's name, a mapping.
        loaded_stream: the data, where it has been loaded before (for many simulations of the same data).
        recorded_births: what ``growth.birth_record`` names, where it has been read before.
        data: data in memory (``smalti.data``), instead of what the configuration names.
        options: what is to be other than in ``config``, such as ``rounds=5`` or ``growth={"rule": "random"}``.

    Raises:
        ValueError: for data or a chip that does not fit the configuration, naming the cure.
    """

    def __init__(
        self,
        config: Given = None,
        loaded_stream: Stream | None = None,
        recorded_births: replay.Births | None = None,
        data: Data | None = None,
        **options: object,
    ) -> None:
        config = configure(config, options).resolved()
        if data is not None:
            config = of_data(config)
        super().__init__(seed=config.run.seed)
        self.config = config
        self.fabric = Fabric(config.fabric)
        channels = len(self.fabric.north_tiles) * self.fabric.wires
        self.stream = loaded_stream or load_stream(config.stream, channels, data)
        check(config, self.fabric, self.stream)
        self.network = Network(self.fabric, self.stream.channels, config.network, config.run.threads)
        self.moments = Moments.fresh(self.network.state.weight)
        steps = heard_steps(config.gating.listen, self.stream.steps)
        features = window_count(config.gating.windows, steps) * self.stream.channels
        gate = GATING[config.gating.network](config.gating, features)
        check_adaptable(gate, config.gating.adapt, config.gating.network)
        self.gating = GatingAgent(self, self.network, gate, config.gating, config.growth)
        for tile in self.fabric.live_tiles:
            TileAgent(self, tile, self.network)
        prices = Prices(config.auction, self.network.links)
        self.grower = Grower(self, self.network, self.moments, self.gating, prices, config.growth)
        continual = config.training.continual
        self.rehearsal = Rehearsal(continual, self.network, self.moments, self.stream, config.run.seed)
        self.births = recorded_births
        if config.growth.birth_record and recorded_births is None:
            tasks = [experience.task for experience in self.stream.experiences]
            self.births = replay.read(config.growth, self.fabric, tasks, config.training.rounds)
        self.registry = NeuronRegistry()
        self.round = 0  # of the next step
        self._registered = 0  # of the births of the round in hand, those in the registry
        self.rows = RoundRows()
        self.played = Played()
        self.seconds_written = 0.0  # that writing the last round took; told by whoever writes
        self.novelty = float("nan")  # of the present task when it was thought to begin
        self.validation = float("nan")  # accuracy of the round in hand, if it is asked for
        self._batches: TaskBatches | None = None
        self.tasks = (TaskAware if config.stream.boundaries == "told" else TaskFree)(self)

    @property
    def finished(self) -> bool:
        """Whether every experience has had its rounds."""
        return self.round >= self.total_rounds

    @property
    def total_rounds(self) -> int:
        """Rounds of the whole run."""
        return len(self.stream.experiences) * self.config.training.rounds

    @property
    def number(self) -> int:
        """Number of the experience in training."""
        return self.round // self.config.training.rounds

    @property
    def experience(self) -> Experience:
        """The experience in training."""
        return self.stream.experiences[self.number]

    @property
    def _is_last(self) -> bool:
        """Whether the network knows that no experience will follow."""
        return isinstance(self.tasks, TaskAware) and self.number + 1 == len(self.stream.experiences)

    def step(self) -> None:
        """One round; nothing after the last."""
        if not self.finished:
            with computing(1 if self.network.engine == "events" else self.config.run.threads):
                self._play_round()
            self.played.add(self.rows)
        self.steps, self.running = self.round, not self.finished  # Mesa counts steps beyond the last as well

    def __iter__(self) -> Iterator[Row]:
        """Play what is left, round by round; each gives its row of the table ``rounds``."""
        while not self.finished:
            self.step()
            yield self.rows.rounds[0]

    def __repr__(self) -> str:
        """Where it stands."""
        size = self.config.fabric
        chip = f"{int(self.network.state.alive.sum())} neurons on {size.rows} x {size.cols} tiles"
        return f"<Simulation {self.stream.name}: {self.round} of {self.total_rounds} rounds, {chip}>"

    def table(self, name: str) -> pd.DataFrame:
        """One of the tables that a run folder holds, of the rounds that this simulation has played.

        Raises:
            ValueError: there is no such table.
        """
        return self.played.table(name, self.registry)

    @property
    def datacollector(self) -> mesa.DataCollector:
        """The records as Mesa shows them: columns of ``rounds`` as the model's variables, the others as its tables."""
        return self.played.collector(self.registry)

    def _play_round(self) -> None:
        begin = time.perf_counter()
        self._prepare()
        experience = self.experience
        self.tasks.begin()
        seconds_evaluate = self._evaluate(-1) if self.round == 0 else 0.0

        trained_at = time.perf_counter()
        summary = self.tasks.train()
        seconds_train = time.perf_counter() - trained_at
        seconds_evaluate += self._validate(experience)

        retired, changes = self._follow(self.tasks.own) if self.tasks.own else ([], Changes())
        self.register([])
        self.registry.follow(self.network.links, self.round)
        if (self.round + 1) % self.config.training.rounds == 0:
            self.tasks.end()
            seconds_evaluate += self._evaluate(self.number)
        elapsed = time.perf_counter() - begin + self.seconds_written
        seconds_other = elapsed - seconds_train - seconds_evaluate
        self._report(experience, summary, len(retired), changes, (seconds_train, seconds_evaluate, seconds_other))
        self.round += 1

    def _follow(self, summary: TrainingSummary) -> tuple[list[int], Changes]:
        """Decide, retire, keep up and grow after a round of training; the slots retired, and what was moved."""
        expert, task = self.tasks.expert, self.experience.task
        self.gating.watch(self.tasks.key, summary.loss, summary.accuracy, self.novelty)
        decision = self._decide()
        retired = self.grower.retire_idle(expert, summary.counts, self._grown_since(self.tasks.began))
        self.register(retired)
        changes = self._rewire(expert, summary)
        if decision.births:
            x, labels = self.tasks.probe()
            chance, reserve = self._chance(GROWING), 0 if self._is_last else self.config.growth.reserve
            if self.births is None:
                self.grower.grow(expert, task, decision.births, x, labels, chance, reserve)
            else:
                self.grower.follow(expert, task, self.births.places(self.round), x, labels, chance)
        return retired, changes

    def _prepare(self) -> None:
        self.random.seed(int(generator(self.config.run.seed, Use.AGENTS, self.round).integers(2**62)))
        self.rows = RoundRows()
        self.grower.outcomes, self.grower.born, self._registered = [], [], 0
        self.rehearsal.refresh()

    def _decide(self) -> Decision:
        """The gating agent's decision on this round; what it may want to measure is measured on the round's probe."""
        if self.births is not None:
            return self.gating.follow(self.tasks.key, self.births.places(self.round).total())

        def measure(expert: Expert) -> saturation.Saturation:
            batch = self.tasks.probe()
            hidden = torch.tensor(expert.neurons, dtype=torch.int64)
            return saturation.measure(self.network, self.grower.probe(expert, *batch), hidden, expert.members())

        chance = generator(self.config.run.seed, Use.TIMING, self.round)
        return self.gating.decide(self.tasks.key, self.config.training.rounds, chance, measure)

    def _grown_since(self, began: int) -> set[int]:
        """Slots of living neurons that were grown, not seeded, from a round on: those that may be retired."""
        rows = ((slot, self.registry.neurons[number]) for slot, number in self.registry.id_of_slot.items())
        return {slot for slot, row in rows if int(str(row["birth_round"])) >= began and row["rule"] != SEED}

    def register(self, retired: list[int]) -> None:
        """Write retirements, and births of the round that are not in it yet, into the registry."""
        for slot in retired:
            self.registry.retired(slot, self.round)
        for slot, rule, task in self.grower.born[self._registered :]:
            self.registry.born(self.network, slot, rule, task, self.round)
        self._registered = len(self.grower.born)

    def _rewire(self, expert: Expert, summary: TrainingSummary) -> Changes:
        """Prune, rewire and swap as configured."""
        options, chance = self.config.growth.rewiring, generator(self.config.run.seed, Use.REWIRING, self.round)
        scope = rewiring.scope_of(self.network, self.moments, self.gating, expert, summary, self.rehearsal.devices)
        changes = rewiring.apply_steps(scope, options, chance)
        if changes.moved:
            self.registry.moved(self.fabric, changes.moved)
            rewiring.follow(self.gating.experts, list(self.agents_by_type[TileAgent]), changes.moved)
        return changes

    def _evaluate(self, after: int) -> float:
        """Evaluate on every experience whose classes have outputs; returns the seconds it took."""
        begin = time.perf_counter()
        served = {c for expert in self.gating.experts for c in expert.classes}
        for experience in {e.task: e for e in self.stream.experiences}.values():
            if served.isdisjoint(experience.classes):
                continue
            batches = self.batches_of(experience)
            for part, split in ((VALIDATION, "validation"), (TEST, "test")):
                x, labels = batches.evaluation(part)
                self.rows.evaluations += tables.evaluation_rows(
                    self.network, self.gating, self.stream.setting, after, experience, split, x, labels
                )
        return time.perf_counter() - begin

    def _validate(self, experience: Experience) -> float:
        """Accuracy on validation data, the task being told, if that is asked for; returns the seconds it took."""
        begin = time.perf_counter()
        self.validation = float("nan")
        if self.config.training.validate:
            x, labels = self.batches_of(experience).evaluation(VALIDATION)
            answers = evaluation.with_task(self.network, self.gating, x, experience.classes)
            self.validation = answers.accuracy(labels)
        return time.perf_counter() - begin

    def _report(
        self,
        experience: Experience,
        summary: TrainingSummary,
        retired: int,
        changes: Changes,
        seconds: tuple[float, float, float],
    ) -> None:
        self.rows.bids = [tables.bid_row(self.round, outcome) for outcome in self.grower.outcomes]
        self.rows.ports = tables.port_rows(self.round, self.fabric, self.network.links.ledger.used)
        steps = (self.round + 1) * self.config.training.steps
        usage, born = costs.usage(self.network), len(self.grower.born)
        self.rows.rounds = [
            tables.round_row(
                self.round,
                self.number,
                experience.task,
                steps,
                summary,
                self.validation,
                usage,
                self.rehearsal.stored_values,
                born,
                retired,
                changes,
                self.novelty,
                seconds,
            )
        ]

    def batches_of(self, experience: Experience) -> TaskBatches:
        """Batches of an experience, after those that an earlier one of the same task has had."""
        options = self.config.training
        visits = sum(e is experience for e in self.stream.experiences[: self.number])
        begun = visits * options.rounds * options.steps
        if self._batches is None or self._batches.experience is not experience or self._batches.begun != begun:
            self._batches = TaskBatches(experience, self.stream.steps, options.batch, self.config.run.seed, begun)
        return self._batches

    def reorder(self, seed: int) -> None:
        """Draw the minibatches and input spikes of the steps to come by another seed, for repeated measurements."""
        self.config = replace(self.config, run=replace(self.config.run, seed=seed))
        self._batches, self.rehearsal.seed = None, seed

    def chance_of_seeds(self, step: int = 0) -> Callable[[int, int], np.random.Generator]:
        """As ``_chance``, for the seed of an expert that is opened before a minibatch of the round."""
        return self._chance(SEEDING if step == 0 else GROWING + step)

    def _chance(self, purpose: int) -> Callable[[int, int], np.random.Generator]:
        """(stage, tile) -> random numbers for the fan-in of candidates of this round."""
        return partial(generator, self.config.run.seed, Use.GROWTH, self.round, purpose)
