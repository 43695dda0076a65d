"""The simulation: a mesa.Model whose step is one round - train, measure, decide, keep up, auction, graft, record.

It holds the parts and calls them in order; what they do is in their own modules. It knows nothing of files: rows of
the round are handed out, and ``scheduler.snapshot`` reads and writes the whole state.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import mesa
import numpy as np
import torch
from torch import Tensor

from agents.expert import Expert
from agents.gating import GatingAgent
from agents.messages import SEED, Decision
from agents.prices import Prices
from agents.tile import TileAgent
from model import costs
from model.fabric import Fabric
from model.gating import GATING
from model.gating.features import heard_steps, window_count
from model.growth import saturation
from model.growth.graft import freeze, guarded
from model.network import Network
from model.optimiser import Moments
from model.upkeep.scope import Upkept
from scheduler import evaluation, replay, tables, upkeep
from scheduler.census import Census
from scheduler.checks import check
from scheduler.config import Config
from scheduler.feed import TEST, VALIDATION, Feed
from scheduler.growing import Grower
from scheduler.keeping import Keeper
from scheduler.randomness import Use, generator
from scheduler.streams import Experience, Stream, load_stream
from scheduler.training import Lesson, train

Row = dict[str, object]
SEEDING, GROWING = range(2)  # what candidates are made for: their random numbers are kept apart


@dataclass
class RoundRows:
    """What one round adds to the tables."""

    rounds: list[Row] = field(default_factory=list)
    bids: list[Row] = field(default_factory=list)
    ports: dict[str, np.ndarray] = field(default_factory=dict)  # columns
    evaluations: list[Row] = field(default_factory=list)


class Simulation(mesa.Model):  # type: ignore[misc]
    """A chip, a stream of tasks and the agents between them.

    Args:
        config: configuration, resolved.
        stream: the data, where it has been loaded before (for many simulations of the same data).
        births: what ``growth.replay`` names, where it has been read before.

    Raises:
        ValueError: for data or a chip that does not fit the configuration, naming the cure.
    """

    def __init__(self, config: Config, stream: Stream | None = None, births: replay.Births | None = None) -> None:
        super().__init__(seed=config.run.seed)
        self.config = config
        self.fabric = Fabric(config.fabric)
        channels = len(self.fabric.north_tiles) * self.fabric.wires
        self.stream = load_stream(config.stream, channels) if stream is None else stream
        check(config, self.fabric, self.stream)
        self.network = Network(self.fabric, self.stream.channels, config.network, config.run.threads)
        self.moments = Moments.fresh(self.network.state.weight)
        steps = heard_steps(config.gating.listen, self.stream.steps)
        features = window_count(config.gating.windows, steps) * self.stream.channels
        gate = GATING[config.gating.network](config.gating, features)
        self.gating = GatingAgent(self, self.network, gate, config.gating, config.growth)
        for tile in self.fabric.live_tiles:
            TileAgent(self, tile, self.network)
        prices = Prices(config.auction, self.network.links)
        self.grower = Grower(self, self.network, self.moments, self.gating, prices, config.growth)
        continual = config.training.continual
        self.keeper = Keeper(continual, self.network, self.moments, self.stream, config.run.seed)
        self.births = births
        if config.growth.replay and births is None:
            tasks = [experience.task for experience in self.stream.experiences]
            self.births = replay.read(config.growth, self.fabric, tasks, config.training.rounds)
        self.census = Census()
        self.round = 0  # of the next step
        self._registered = 0  # of the births of the round in hand, those in the census
        self.rows = RoundRows()
        self.seconds_written = 0.0  # that writing the last round took; told by whoever writes
        self.novelty = float("nan")  # of the present task when it began
        self.validation = float("nan")  # accuracy of the round in hand, if it is asked for
        self._feed: Feed | None = None

    @property
    def finished(self) -> bool:
        """Whether every experience has had its rounds."""
        return self.round >= self.total_rounds

    @property
    def total_rounds(self) -> int:
        """Rounds of the whole run."""
        return len(self.stream.experiences) * self.config.training.rounds

    @property
    def experience(self) -> Experience:
        """The experience in training."""
        return self.stream.experiences[self.round // self.config.training.rounds]

    @property
    def _is_last(self) -> bool:
        return self.experience is self.stream.experiences[-1]

    def step(self) -> None:
        """One round; denormal numbers are flushed to zero meanwhile."""
        torch.set_flush_denormal(True)
        try:
            self._play_round()
        finally:
            torch.set_flush_denormal(False)

    def _play_round(self) -> None:
        begin = time.perf_counter()
        self._prepare()
        experience, options = self.experience, self.config.training
        within = self.round % options.rounds
        feed = self.feed_of(experience)
        expert = self._expert_of(experience.task) if within else self._open(experience, feed)
        seconds_evaluate = self._evaluate(-1) if self.round == 0 else 0.0

        trained_at = time.perf_counter()
        lesson = train(
            self.network,
            self.moments,
            feed,
            within * options.steps,
            expert,
            self.gating.running(expert),
            self.keeper,
            options,
            self.config.growth.upbringing,
            self._observe,
        )
        seconds_train = time.perf_counter() - trained_at
        seconds_evaluate += self._validate(experience, expert)

        self.gating.watch(experience.task, lesson.loss, lesson.accuracy, self.novelty)
        decision = self._decide(experience, feed)
        retired = self.grower.retire_idle(expert, lesson.counts, self._grown_for(experience.task))
        self.register(retired)
        upkept = self._keep_up(expert, lesson)
        if decision.births:
            x, labels = feed.probe(self.config.growth.probe, self.round + self.total_rounds)
            chance, reserve = self._chance(GROWING), 0 if self._is_last else self.config.growth.reserve
            if self.births is None:
                self.grower.grow(expert, experience.task, decision.births, x, labels, chance, reserve)
            else:
                self.grower.follow(expert, experience.task, self.births.places(self.round), x, labels, chance)
        self.register([])
        self.census.follow(self.network.links, self.round)
        if within + 1 == options.rounds:
            self.keeper.end(feed, expert, self.gating.running(expert), self.grower.probe)
            evaluation.show_experts(self.gating, expert, feed)
            seconds_evaluate += self._evaluate(experience.task)
        elapsed = time.perf_counter() - begin + self.seconds_written
        seconds_other = elapsed - seconds_train - seconds_evaluate
        self._report(experience, lesson, len(retired), upkept, (seconds_train, seconds_evaluate, seconds_other))
        self.round += 1

    def _prepare(self) -> None:
        torch.set_num_threads(1 if self.network.engine == "events" else self.config.run.threads)
        self.random.seed(int(generator(self.config.run.seed, Use.AGENTS, self.round).integers(2**62)))
        self.rows = RoundRows()
        self.grower.outcomes, self.grower.born, self._registered = [], [], 0
        self.keeper.refresh()

    def _open(self, experience: Experience, feed: Feed) -> Expert:
        """Begin an experience: find or found its expert, protect what the others have learned.

        An expert that serves several tasks (shared labels) stays plastic while it learns another of them.
        """
        shared = self.config.gating.experts == "shared"
        classes = tuple(range(self.stream.classes)) if shared else experience.classes
        expert = self.gating.find(classes)
        x, labels = feed.probe(self.config.growth.probe, self.round)
        self.novelty = self.gating.gate.novelty(evaluation.features(self.gating, x))
        if self.config.gating.protect:
            self._protect(None if expert is None else expert.running(self.network))
        new = expert is None
        if expert is None:
            expert = self.gating.found(classes)
        old = expert.label_sets()
        expert.meet(experience.task, experience.classes, apart=self.stream.setting == "task")
        if new:
            self.grower.open(expert, experience.task, x, labels, self._chance(SEEDING))
        self.keeper.begin(feed, expert, old, self.gating.running(expert), self.grower.probe)
        return expert

    def _protect(self, plastic: Tensor | None) -> None:
        """Freeze what has been learned, or pull it back, but for the fan-in of plastic neurons [N] bool."""
        stiffness = self.config.gating.stiffness
        if math.isinf(stiffness):
            freeze(self.network, plastic)
        else:
            self.keeper.elastic.hold(guarded(self.network, plastic), stiffness)

    def _decide(self, experience: Experience, feed: Feed) -> Decision:
        """The gating agent's decision on this round; what it may want to measure is measured on the round's probe."""
        if self.births is not None:
            return self.gating.follow(experience.task, self.births.places(self.round).total())

        def measure(expert: Expert) -> saturation.Saturation:
            batch = feed.probe(self.config.growth.probe, self.round + self.total_rounds)
            hidden = torch.tensor(expert.neurons, dtype=torch.int64)
            return saturation.measure(self.network, self.grower.probe(expert, *batch), hidden, expert.members())

        chance = generator(self.config.run.seed, Use.TIMING, self.round)
        return self.gating.decide(experience.task, self.config.training.rounds, chance, measure)

    def _grown_for(self, task: int) -> set[int]:
        """Slots of living neurons that were grown, not seeded, for a task: those that may be retired."""
        rows = ((slot, self.census.neurons[number]) for slot, number in self.census.id_of_slot.items())
        return {slot for slot, row in rows if row["task"] == task and row["rule"] != SEED}

    def _observe(self, number: int, x: Tensor, labels: Tensor) -> None:
        """Show the gating network every training sample once, as it comes, if it hears inputs."""
        new = self.feed_of(self.experience).unseen(number)
        if new and self.gating.gate.hears != "experts":
            counts = evaluation.features(self.gating, x[:new])
            self.gating.gate.observe(counts, labels[:new], self.experience.task)

    def register(self, retired: list[int]) -> None:
        """Write retirements, and births of the round that are not in it yet, into the census."""
        for slot in retired:
            self.census.retired(slot, self.round)
        for slot, rule, task in self.grower.born[self._registered :]:
            self.census.born(self.network, slot, rule, task, self.round)
        self._registered = len(self.grower.born)

    def _keep_up(self, expert: Expert, lesson: Lesson) -> Upkept:
        """Prune, rewire and swap as configured."""
        options, chance = self.config.growth.upkeep, generator(self.config.run.seed, Use.UPKEEP, self.round)
        scope = upkeep.scope_of(self.network, self.moments, self.gating, expert, lesson, self.keeper.devices)
        upkept = upkeep.keep_up(scope, options, chance)
        if upkept.moved:
            self.census.moved(self.fabric, upkept.moved)
            upkeep.follow(self.gating.experts, list(self.agents_by_type[TileAgent]), upkept.moved)
        return upkept

    def _evaluate(self, after: int) -> float:
        """Evaluate on every experience whose classes have outputs; returns the seconds it took."""
        begin = time.perf_counter()
        for experience in self.stream.experiences:
            expert = self.gating.find(experience.classes)
            if expert is None:
                continue
            feed = self.feed_of(experience)
            for part, split in ((VALIDATION, "validation"), (TEST, "test")):
                x, labels = feed.evaluation(part)
                self.rows.evaluations += tables.evaluation_rows(
                    self.network, self.gating, self.stream.setting, after, experience, expert, split, x, labels
                )
        return time.perf_counter() - begin

    def _validate(self, experience: Experience, expert: Expert) -> float:
        """Accuracy on validation data, the expert being told, if that is asked for; returns the seconds it took."""
        begin = time.perf_counter()
        self.validation = float("nan")
        if self.config.training.validate:
            x, labels = self.feed_of(experience).evaluation(VALIDATION)
            answers = evaluation.with_label(self.network, self.gating, expert, x, experience.classes)
            self.validation = answers.accuracy(labels)
        return time.perf_counter() - begin

    def _report(
        self,
        experience: Experience,
        lesson: Lesson,
        retired: int,
        upkept: Upkept,
        seconds: tuple[float, float, float],
    ) -> None:
        self.rows.bids = [tables.bid_row(self.round, outcome) for outcome in self.grower.outcomes]
        self.rows.ports = tables.port_rows(self.round, self.fabric, self.network.links.ledger.used)
        steps = (self.round + 1) * self.config.training.steps
        usage, born = costs.usage(self.network), len(self.grower.born)
        self.rows.rounds = [
            tables.round_row(
                self.round,
                experience.task,
                steps,
                lesson,
                self.validation,
                usage,
                self.keeper.stored_values,
                born,
                retired,
                upkept,
                self.novelty,
                seconds,
            )
        ]

    def _expert_of(self, task: int) -> Expert:
        return next(e for e in self.gating.experts if task in e.tasks)

    def feed_of(self, experience: Experience) -> Feed:
        """Batches of an experience."""
        if self._feed is None or self._feed.experience is not experience:
            self._feed = Feed(experience, self.stream.steps, self.config.training.batch, self.config.run.seed)
        return self._feed

    def reorder(self, seed: int) -> None:
        """Draw the minibatches and input spikes of the steps to come by another seed, for repeated measurements."""
        self.config = replace(self.config, run=replace(self.config.run, seed=seed))
        self._feed, self.keeper.seed = None, seed

    def _chance(self, purpose: int) -> Callable[[int, int], np.random.Generator]:
        """(stage, tile) -> random numbers for the fan-in of candidates of this round."""
        return partial(generator, self.config.run.seed, Use.GROWTH, self.round, purpose)
