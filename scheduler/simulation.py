"""The simulation: a mesa.Model whose step is one round.

It holds the parts and calls them in order; what they do is in their own modules, and none of them knows it. It knows
nothing of files: rows of the round are handed out, and ``state_dict`` is all that a checkpoint holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import mesa

from smalti.agents.auction.prices import Prices
from smalti.agents.tile import TileAgent
from smalti.model import costs
from smalti.model.chip.faults import fault_map
from smalti.model.network import Network
from smalti.model.optimiser import Moments
from smalti.scheduler import breakage
from smalti.scheduler.answers import copies
from smalti.scheduler.answers.judge import Judge
from smalti.scheduler.answers.recall import Recall
from smalti.scheduler.checks.simulation import check, check_machine
from smalti.scheduler.clock import Clock
from smalti.scheduler.configuration.configure import Given, configure, of_data
from smalti.scheduler.examination import PARTS, examine
from smalti.scheduler.growth import birth_record
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.learning.importance import class_weights
from smalti.scheduler.learning.rehearsal import Rehearsal
from smalti.scheduler.learning.training import Trainee
from smalti.scheduler.processor import computing
from smalti.scheduler.protocols.choice import gating_agent, protocol_of
from smalti.scheduler.protocols.growing import Growing, Grown
from smalti.scheduler.protocols.healing import Healing
from smalti.scheduler.protocols.protocol import Parts, Round, Trained, score_of
from smalti.scheduler.randomness import Use, generator, number
from smalti.scheduler.records import rows as tables
from smalti.scheduler.records.played import Played
from smalti.scheduler.records.registry import NeuronRegistry
from smalti.scheduler.records.rows import RoundRows, Row
from smalti.scheduler.records.state import Stateful
from smalti.scheduler.streams import Data, Experience, Stream, load_stream
from smalti.scheduler.streams.batches import TaskBatches
from smalti.scheduler.streams.memory import data_of
from smalti.scheduler.streams.spikes.kept import Kept
from smalti.scheduler.streams.splits import in_order

if TYPE_CHECKING:
    import pandas as pd


class Simulation(mesa.Model):  # type: ignore[misc]
    """A chip, a stream of tasks and the agents between them.

    Args:
        config: a ``Config``, or what ``configuration.configure`` makes one of: a TOML file, a stream's name, a mapping.
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
        recorded_births: birth_record.Births | None = None,
        data: Data | None = None,
        **options: object,
    ) -> None:
        config = configure(config, options).resolved()
        if data is not None:
            data, config = data_of(data), of_data(config)
        super().__init__(seed=config.run.seed)
        self.config = config
        check_machine(config)
        self.fabric = breakage.fabric_of(config)
        self.faults = fault_map(config.faults, self.fabric)
        loaded = loaded_stream or load_stream(config.stream, self.fabric.channels, data)
        self.stream = in_order(loaded, config.stream, generator(config.run.seed, Use.TASKS))
        check(config, self.fabric, self.stream)
        seed, threads = config.run.seed, config.run.threads
        chance = partial(number, seed, Use.DEVICES)
        self.network = Network(self.fabric, self.stream.channels, config.network, threads, config.devices, chance, seed)
        self.moments = Moments.fresh(self.network.state.weight)
        judge = Judge(self.network, self.stream.readout, class_weights(config.training.class_weights, self.stream))
        self.gating = gating_agent(self, self.network, config, self.stream, judge)
        for tile in self.fabric.live_tiles:
            TileAgent(self, tile, self.network)
        prices = Prices(config.auction, self.network.links)
        self.grower = Grower(self, self.network, self.moments, self.gating, prices, config.growth, judge)
        if self.faults and not config.faults.at_round:
            breakage.strike(self.grower, self.faults, config.faults.known)
        continual = config.training.continual
        self.rehearsal = Rehearsal(continual, self.network, self.moments, self.stream, config.run.seed)
        births = recorded_births
        if config.growth.birth_record and births is None:
            tasks = [experience.task for experience in self.stream.experiences]
            births = birth_record.read(config.growth, self.fabric, tasks, config.training.rounds)
        self.registry = NeuronRegistry()
        self.round = 0  # of the next step
        self.rows = RoundRows()
        self.played = Played()
        self.seconds_written = 0.0  # that writing the last round took; told by whoever writes
        self._batches: TaskBatches | None = None
        self._kept, self._recall = Kept(), Recall()  # spikes of evaluations, and what experts said to them
        trainee = Trainee(self.network, self.moments, self.rehearsal, judge)
        self.parts = Parts(self.stream, trainee, self.gating, self.grower)
        self.growing = Growing(self.parts, self.registry, births)
        self.protocol = protocol_of(config, self.parts)
        self.healing = Healing(self.parts, config, self.faults)

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
        """Train, decide, retire, rewire, grow (invite, auction, graft), evaluate, record."""
        clock = Clock()
        now, used, rewriting = self._prepare(), self.network.state.mask.clone(), self.network.memristors.rewriting
        damage, laid = self.healing.come(now, self.rehearsal.devices)
        with rewriting():
            self.protocol.begin(now)
        used = (used | laid) & self.network.state.mask
        for slot in self.grower.bought:
            self.registry.retired(slot, self.round)
        if self.round == 0:
            with clock.evaluating():
                self._evaluate(-1)
        with clock.training():
            trained = self.protocol.train(now)
        with clock.evaluating():
            validation = self._validate(now)
        self.protocol.judged(now, validation)

        bought, grown = len(self.grower.bought), Grown()
        if trained.progress is not None:
            with rewriting():
                grown = self.growing.play(now, trained.progress, trained.novelty)
        self.growing.register(self.round)
        if self.config.growth.fates and trained.progress is not None:
            with clock.evaluating():
                self.rows.fates = self.growing.fates(now, trained.progress)
        over = (self.round + 1) % self.config.training.rounds == 0
        if over:
            trained.openings.extend(self.protocol.end(now))
            for slot in self.grower.bought[bought:]:
                self.registry.retired(slot, self.round)
            self.growing.register(self.round)
            self.healing.learned(now)
        self.registry.follow(self.network.links, self.round)
        if over:
            with clock.evaluating():
                self._evaluate(self.number)
        self.network.memristors.settle(self.network.state.mask & ~used)
        if self.round + 1 == self.total_rounds and self.config.devices.copies:
            with clock.evaluating():
                self.rows.copies = self._ask_copies()
        self._record(now, trained, validation, grown, damage, clock)
        self.round += 1

    def _prepare(self) -> Round:
        """Set up what one round needs; the round."""
        self.random.seed(int(generator(self.config.run.seed, Use.AGENTS, self.round).integers(2**62)))
        self.rows = RoundRows()
        self.network.memristors.begin(self.round)
        self.growing.begin()
        self.rehearsal.refresh()
        return Round(self.config, self.round, self.number, self.experience, self.batches_of(self.experience))

    def _evaluate(self, after: int) -> None:
        """Ask every task that can be served."""
        trials = self.config.stream.session
        answers, switches = examine(self.gating, self.stream, self.batches_of, after, trials, self._recall)
        self.rows.evaluations += answers
        self.rows.switches += switches

    def _ask_copies(self) -> list[Row]:
        """What copies of the chip answer, now and later."""
        options, seed = self.config.devices, self.config.run.seed
        asked = copies.rows(self.gating, self.stream, self.batches_of, options.copies, options.ages, seed, PARTS[:2])
        return [{"round": self.round, **row} for row in asked]

    def _validate(self, now: Round) -> float:
        """Score on validation data, the task being told, if that is asked for; else NaN."""
        training = self.config.training
        return score_of(self.parts, now) if training.validate or training.enough_accuracy else float("nan")

    def _record(
        self,
        now: Round,
        trained: Trained,
        validation: float,
        grown: Grown,
        damage: breakage.Damage,
        clock: Clock,
    ) -> None:
        """Rows of the round."""
        self.rows.detections, self.rows.openings = trained.detections, trained.openings
        self.rows.bids = [tables.bid_row(self.round, outcome) for outcome in self.grower.outcomes]
        self.rows.ports, self.rows.repairs = tables.port_rows(self.round, self.network.links.ledger), self.healing.rows
        facts = tables.RoundFacts(
            round=self.round,
            experience=now.position,
            task=now.experience.task,
            steps=(self.round + 1) * self.config.training.steps,
            unit=self.grower.judge.criterion.unit,
            summary=trained.summary,
            validation=validation,
            usage=costs.usage(self.network),
            stored_values=sum(part.stored_values for part in (self.rehearsal, self.protocol, self.healing)),
            born=len(self.grower.born),
            retired=len(self.grower.bought) + grown.retired,
            given_back=grown.given_back,
            lost=damage.lost,
            relaid=damage.relaid,
            writes=self.network.memristors.wear.writes,
            most_written=self.network.memristors.wear.most,
            changes=grown.changes,
            novelty=trained.novelty,
            seconds=clock.seconds(beside=self.seconds_written),
        )
        self.rows.rounds = [tables.round_row(facts)]

    def batches_of(self, experience: Experience) -> TaskBatches:
        """Batches of an experience, after those that an earlier one of the same task has had."""
        options = self.config.training
        visits = sum(e is experience for e in self.stream.experiences[: self.number])
        begun = visits * options.rounds * options.steps
        if self._batches is None or self._batches.experience is not experience or self._batches.begun != begun:
            seed, steps = self.config.run.seed, self.stream.steps
            self._batches = TaskBatches(experience, steps, options.batch, seed, begun, self._kept)
        return self._batches

    def reorder(self, seed: int) -> None:
        """Draw the minibatches and input spikes of the steps to come by another seed, for repeated measurements."""
        self.config = replace(self.config, run=replace(self.config.run, seed=seed))
        self._batches, self.rehearsal.seed = None, seed

    def state_dict(self) -> dict[str, Any]:
        """All that is kept from round to round: tensors and plain values, in mappings in mappings.

        Random numbers need no place in it (``scheduler.randomness``), nor do births and links of the past: they stand
        in the tables ``neurons`` and ``links``.
        """
        return {"round": self.round, **{name: part.state_dict() for name, part in self._stateful().items()}}

    def load_state_dict(self, state: Mapping[str, Any], neurons: Sequence[Row], links: Sequence[Row]) -> None:
        """Take over what ``state_dict`` of a simulation of the same configuration gave; no round must have been played.

        Args:
            state: what it gave.
            neurons, links: rows of those tables; what happened after the state was taken is dropped.

        Raises:
            ValueError: where the state does not fit the configuration.
        """
        self.round, faults = state["round"], self.config.faults
        if self.faults and 0 < faults.at_round < self.round:
            self.network.strike(self.faults, faults.known)
        for name, part in self._stateful().items():
            part.load_state_dict(state[name])
        self.network.memristors.begin(max(0, self.round - 1))
        self.registry.load_tables(neurons, links, self.network.links, self.round - 1)

    def _stateful(self) -> dict[str, Stateful]:
        """The parts that keep something from round to round."""
        tiles = {f"tile {tile.tile}": tile for tile in self.agents_by_type[TileAgent]}
        return {
            "state": self.network.state,
            "links": self.network.links,
            "memristors": self.network.memristors,
            "moments": self.moments,
            "gating": self.gating,
            "rehearsal": self.rehearsal,
            "grower": self.grower,
            "registry": self.registry,
            "protocol": self.protocol,
            **({"healing": self.healing} if self.healing.active else {}),
            **tiles,
        }
