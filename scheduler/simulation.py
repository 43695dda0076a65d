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
import torch

from smalti.agents.auction.bids import Decision
from smalti.agents.auction.prices import Prices
from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.agents.tile import TileAgent
from smalti.model import costs
from smalti.model.chip.faults import fault_map
from smalti.model.gating.adaptation import check_adaptable
from smalti.model.gating.belief import Belief
from smalti.model.gating.networks import GATING
from smalti.model.gating.running import resolved
from smalti.model.growth import saturation
from smalti.model.network import Network
from smalti.model.optimiser import Moments
from smalti.model.rewiring.scope import Changes
from smalti.scheduler import breakage
from smalti.scheduler.answers import copies, evaluation
from smalti.scheduler.answers.recall import Recall
from smalti.scheduler.checks import by_feedback, check, check_machine, check_running
from smalti.scheduler.clock import Clock
from smalti.scheduler.configure import Given, configure, of_data
from smalti.scheduler.examination import PARTS, examine
from smalti.scheduler.growth import birth_record, fate, rewiring
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.importance import class_weights
from smalti.scheduler.judge import Judge
from smalti.scheduler.processor import computing
from smalti.scheduler.protocols.by_feedback import ByFeedback
from smalti.scheduler.protocols.protocol import GROWING, Parts, Progress, Round, Trained, TrainingProtocol
from smalti.scheduler.protocols.task_aware import TaskAware
from smalti.scheduler.protocols.task_free import TaskFree
from smalti.scheduler.randomness import Use, generator, number
from smalti.scheduler.records import rows as tables
from smalti.scheduler.records.played import Played
from smalti.scheduler.records.registry import NeuronRegistry
from smalti.scheduler.records.rows import RoundRows, Row
from smalti.scheduler.records.state import Stateful
from smalti.scheduler.rehearsal import Rehearsal
from smalti.scheduler.streams import Data, Experience, Stream, load_stream
from smalti.scheduler.streams.batches import VALIDATION, TaskBatches
from smalti.scheduler.streams.kept import Kept
from smalti.scheduler.streams.memory import data_of
from smalti.scheduler.streams.splits import returning, shuffled
from smalti.scheduler.training import Trainee

if TYPE_CHECKING:
    import pandas as pd


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
        channels = self.fabric.channels
        self.stream = loaded_stream or load_stream(config.stream, channels, data)
        order = generator(config.run.seed, Use.TASKS)
        if config.stream.shuffle:
            self.stream = shuffled(self.stream, order)
        if config.stream.returns:
            self.stream = returning(self.stream, config.stream.returns, order)
        check(config, self.fabric, self.stream)
        seed = config.run.seed
        self.network = Network(
            self.fabric,
            self.stream.channels,
            config.network,
            config.run.threads,
            config.devices,
            partial(number, seed, Use.DEVICES),
            seed,
        )
        self.moments = Moments.fresh(self.network.state.weight)
        gating = resolved(config.gating, self.stream.steps, self.stream.frames)
        gate = GATING[config.gating.network](gating, gating.windows * self.stream.channels)
        check_adaptable(gate, config.gating.adapt, config.gating.network)
        check_running(gate, config, self.stream)
        weights = class_weights(config.training.class_weights, self.stream)
        judge = Judge(self.network, self.stream.readout, weights)
        at_steps = None if self.stream.readout is None else judge.criterion
        belief = Belief(gating.belief) if by_feedback(config, self.stream) else None
        self.gating = GatingAgent(self, self.network, gate, gating, config.growth, at_steps, belief)
        for tile in self.fabric.live_tiles:
            TileAgent(self, tile, self.network)
        prices = Prices(config.auction, self.network.links)
        self.grower = Grower(self, self.network, self.moments, self.gating, prices, config.growth, judge)
        if self.faults and not config.faults.at_round:
            breakage.strike(self.grower, self.faults, config.faults.known)
        continual = config.training.continual
        self.rehearsal = Rehearsal(continual, self.network, self.moments, self.stream, config.run.seed)
        self.births = recorded_births
        if config.growth.birth_record and recorded_births is None:
            tasks = [experience.task for experience in self.stream.experiences]
            self.births = birth_record.read(config.growth, self.fabric, tasks, config.training.rounds)
        self.registry = NeuronRegistry()
        self.round = 0  # of the next step
        self._registered = 0  # of the births of the round in hand, those in the registry
        self.rows = RoundRows()
        self.played = Played()
        self.seconds_written = 0.0  # that writing the last round took; told by whoever writes
        self._batches: TaskBatches | None = None
        self._kept, self._recall = Kept(), Recall()  # spikes of evaluations, and what experts said to them
        parts = Parts(self.stream, Trainee(self.network, self.moments, self.rehearsal, judge), self.gating, self.grower)
        self.protocol = self._protocol(parts)

    def _protocol(self, parts: Parts) -> TrainingProtocol:
        """Who is trained when."""
        if self.config.stream.boundaries == "told":
            return TaskAware(parts)
        return TaskFree(parts) if self.gating.belief is None else ByFeedback(parts, self.gating.belief)

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
        now, mask = self._prepare(), self.network.state.mask.clone()
        damage = self._break()
        self.protocol.begin(now)
        for slot in self.grower.bought:
            self.registry.retired(slot, self.round)
        if self.round == 0:
            with clock.evaluating():
                self._evaluate(-1)
        with clock.training():
            trained = self.protocol.train(now)
        with clock.evaluating():
            validation = self._validate(now.experience)
        self.protocol.judged(now, validation)

        retired, changes = len(self.grower.bought), Changes()
        if trained.progress is not None:
            decision = self._decide(now.experience, trained.progress, trained.novelty)
            retired += self._retire(trained.progress)
            changes = self._rewire(trained.progress)
            self._grow(now, trained.progress, decision)
        self.register_births()
        if self.config.growth.fates and trained.progress is not None:
            with clock.evaluating():
                self.rows.fates = self._fates(now.experience, trained.progress)
        over = (self.round + 1) % self.config.training.rounds == 0
        if over:
            trained.openings.extend(self.protocol.end(now))
        self.registry.follow(self.network.links, self.round)
        if over:
            with clock.evaluating():
                self._evaluate(self.number)
        self.network.memristors.settle(self.network.state.mask & ~mask)
        if self.round + 1 == self.total_rounds and self.config.devices.copies:
            with clock.evaluating():
                self.rows.copies = self._ask_copies()
        self._record(now, trained, validation, retired, damage, changes, clock)
        self.round += 1

    def _prepare(self) -> Round:
        """Set up what one round needs; the round."""
        self.random.seed(int(generator(self.config.run.seed, Use.AGENTS, self.round).integers(2**62)))
        self.rows = RoundRows()
        self.network.memristors.begin(self.round)
        self.grower.outcomes, self.grower.born, self._registered = [], [], 0
        self.grower.bought = []
        self.rehearsal.refresh()
        return Round(self.config, self.round, self.number, self.experience, self.batches_of(self.experience))

    def _break(self) -> breakage.Damage:
        """Let faults come whose round it is."""
        options = self.config.faults
        if self.faults is None or not 0 < options.at_round == self.round:
            return breakage.Damage()
        return breakage.strike(self.grower, self.faults, options.known, options.heal, self.rehearsal.devices)

    def _decide(self, experience: Experience, progress: Progress, novelty: float) -> Decision:
        """The gating agent's decision on this round; what it may want to measure is measured on the round's probe."""
        task, summary = progress.task, progress.summary
        self.gating.watch(task, summary.loss, summary.accuracy, novelty)
        if self.births is not None:
            return self.gating.follow(task, self.births.places(self.round).total())

        def measure(expert: Expert) -> saturation.Saturation:
            hidden = torch.tensor(expert.neurons, dtype=torch.int64)
            probe = self.grower.probe(expert, *progress.probe())
            return saturation.measure(self.network, probe, hidden, expert.members())

        chance = generator(self.config.run.seed, Use.TIMING, self.round)
        score = partial(self._score, experience)
        return self.gating.decide(task, self.config.training.rounds, chance, measure, score)

    def _retire(self, progress: Progress) -> int:
        """Retire neurons that were grown since the task began and have been silent for too long; how many."""
        grown = self.registry.grown_since(progress.began)
        retired = self.grower.retire_idle(progress.expert, progress.summary.counts, grown)
        for slot in retired:
            self.registry.retired(slot, self.round)
        self.register_births()
        return len(retired)

    def _rewire(self, progress: Progress) -> Changes:
        """Prune, rewire and swap as configured."""
        options, chance = self.config.growth.rewiring, generator(self.config.run.seed, Use.REWIRING, self.round)
        if not options.steps:
            return Changes()
        expert, summary, devices = progress.expert, progress.summary, self.rehearsal.devices
        scope = rewiring.scope_of(self.network, self.moments, self.gating, expert, summary, devices)
        changes = rewiring.apply_steps(scope, options, chance)
        if changes.moved:
            self.registry.moved(self.fabric, changes.moved)
            rewiring.follow(self.gating.experts, list(self.agents_by_type[TileAgent]), changes.moved)
        return changes

    def _grow(self, now: Round, progress: Progress, decision: Decision) -> None:
        """Invite candidates, hold the auction and graft the winners, or follow the births of a recorded run."""
        if not decision.births:
            return
        expert, task, chance = progress.expert, now.experience.task, now.chance(GROWING)
        x, wanted = progress.probe()
        if self.births is None:
            last = self.config.stream.boundaries == "told" and self.number + 1 == len(self.stream.experiences)
            reserve = 0 if last else self.config.growth.reserve
            self.grower.grow(expert, task, decision.births, x, wanted, chance, reserve)
        else:
            self.grower.follow(expert, task, self.births.places(self.round), x, wanted, chance)

    def _fates(self, experience: Experience, progress: Progress) -> list[Row]:
        """What each neuron of the expert in training has to learn from, and what it is worth."""
        x, wanted = self.batches_of(experience).evaluation(VALIDATION)
        few = slice(self.config.growth.probe)
        measured = fate.measure(self.grower, progress.expert, progress.probe(), (x[few], wanted[few]))
        known = {slot: self.registry.neurons[self.registry.id_of_slot[slot]] for slot in measured}
        return [tables.fate_row(self.round, experience.task, known[slot], found) for slot, found in measured.items()]

    def register_births(self) -> None:
        """Write births of the round that are not in the registry yet into it."""
        for slot, rule, task in self.grower.born[self._registered :]:
            self.registry.born(self.network, slot, rule, task, self.round)
        self._registered = len(self.grower.born)

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

    def _validate(self, experience: Experience) -> float:
        """Score on validation data, the task being told, if that is asked for; else NaN."""
        training = self.config.training
        return self._score(experience) if training.validate or training.enough_accuracy else float("nan")

    def _score(self, experience: Experience) -> float:
        x, wanted = self.batches_of(experience).evaluation(VALIDATION)
        return evaluation.with_task(self.gating, x, experience.classes).score(wanted, self.stream.readout)

    def _record(
        self,
        now: Round,
        trained: Trained,
        validation: float,
        retired: int,
        damage: breakage.Damage,
        changes: Changes,
        clock: Clock,
    ) -> None:
        """Rows of the round."""
        self.rows.detections, self.rows.openings = trained.detections, trained.openings
        self.rows.bids = [tables.bid_row(self.round, outcome) for outcome in self.grower.outcomes]
        self.rows.ports = tables.port_rows(self.round, self.fabric, self.network.links.ledger.used)
        facts = tables.RoundFacts(
            round=self.round,
            experience=now.position,
            task=now.experience.task,
            steps=(self.round + 1) * self.config.training.steps,
            unit=self.grower.judge.criterion.unit,
            summary=trained.summary,
            validation=validation,
            usage=costs.usage(self.network),
            stored_values=self.rehearsal.stored_values + self.protocol.stored_values,
            born=len(self.grower.born),
            retired=retired,
            lost=damage.lost,
            relaid=damage.relaid,
            writes=self.network.memristors.wear.writes,
            most_written=self.network.memristors.wear.most,
            changes=changes,
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
            **tiles,
        }
