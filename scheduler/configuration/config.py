"""The configuration of a run: the options of every part, composed once.

The same object is the TOML file, the command line, the axis of a sweep and what a run folder keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, ClassVar, Literal

from smalti.agents.auction.prices import AuctionOptions
from smalti.model.chip.fabric import FabricOptions
from smalti.model.chip.faults import FaultsOptions
from smalti.model.devices import DevicesOptions
from smalti.model.engines.choice import choose_engine
from smalti.model.gating import GatingOptions
from smalti.model.growth.options import GrowthOptions
from smalti.model.neuron import NetworkOptions
from smalti.model.options import ranges
from smalti.model.options.values import settle
from smalti.scheduler.configuration import plugins
from smalti.scheduler.configuration.old_names import renewed
from smalti.scheduler.configuration.presets import completed
from smalti.scheduler.configuration.registries import REGISTRIES, check_name
from smalti.scheduler.learning.training import TrainingOptions
from smalti.scheduler.streams import StreamOptions


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The run itself.

    Attributes:
        seed: seed of all random numbers.
        threads: threads that compute; small chips are fastest with one. A resumed run keeps the number.
        quick: shrink any run to seconds, to try things out: fewer samples, rounds and steps.
        imports: modules of your own that add growth rules, streams, gating networks and the like, such as mylab.
        log: what is also written for other tools, into the folder logs of the run: tensorboard (an event file of the
            table rounds), wandb (the same for Weights & Biases, offline), csv, json (every table, at the end).
        snapshots: keep the run as it is after every so many rounds, in the folder snapshots of the run, so that it can
            be asked later how it was then (`Run.at`); 0 keeps none. Each takes as much disk as checkpoint and newest
            parts of the tables do: 1 to 3 MB for 128 neurons on 16 tiles.
    """

    seed: int = 0
    threads: int = 1
    quick: bool = False
    imports: tuple[str, ...] = ()
    log: tuple[Literal["tensorboard", "csv", "json", "wandb"], ...] = ()
    snapshots: int = 0

    def __post_init__(self) -> None:
        settle(self, "run")
        plugins.load(self.imports)
        ranges.not_negative("run", self, "seed", most=ranges.SEED)
        ranges.not_negative("run", self, "snapshots")
        ranges.at_least("run", self, 1, "threads", most=1024)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that a run depends on.

    Attributes:
        fabric: size and limits of the chip.
        network: neurons, readout and engine.
        devices: what weights are written on: their errors, their noise, their drift.
        faults: what of the chip is broken, or breaks during the run.
        stream: the data, and how it is cut into experiences.
        training: how long and how fast the network learns.
        growth: how, when and how much the network grows.
        gating: how experts are chosen for an input.
        auction: how places on the chip are sold.
        run: seed, threads and the like.
    """

    FIRST: ClassVar = ("run",)  # its imports add to what the names of the others may be

    fabric: FabricOptions = field(default_factory=FabricOptions)
    network: NetworkOptions = field(default_factory=NetworkOptions)
    devices: DevicesOptions = field(default_factory=DevicesOptions)
    faults: FaultsOptions = field(default_factory=FaultsOptions)
    stream: StreamOptions = field(default_factory=StreamOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    growth: GrowthOptions = field(default_factory=GrowthOptions)
    gating: GatingOptions = field(default_factory=GatingOptions)
    auction: AuctionOptions = field(default_factory=AuctionOptions)
    run: RunOptions = field(default_factory=RunOptions)

    def __post_init__(self) -> None:
        settle(self, "")
        plugins.load(self.run.imports)  # a copy in another process may not have them yet
        for name, registry in REGISTRIES.items():
            check_name(name, attrgetter(name)(self), registry)

    @staticmethod
    def renewed(data: Mapping[str, Any]) -> dict[str, Any]:
        """Nested mappings of an older version by today's names, completed by the preset of their stream."""
        return completed(renewed(data))

    def resolved(self) -> Config:
        """The configuration with the engine named, ``run.quick`` spelled out, and the plug-ins that were asked for.

        Quick is at most 30 samples a class and 3 rounds of 10 steps; a schedule grows in every round, faults come in
        the same experience, after its begin at the earliest in the first, two copies of the chip are asked, and where
        snapshots are kept there is one of every round.

        Raises:
            ValueError: for an engine that cannot run here.
        """
        run = replace(self.run, imports=tuple(dict.fromkeys((*self.run.imports, *plugins.asked()))))
        named = replace(self, run=run, network=replace(self.network, engine=choose_engine(self.network)))
        return named._shortened() if self.run.quick else named

    def _shortened(self) -> Config:
        limit = min(self.stream.limit or 30, 30)
        training = replace(
            self.training,
            rounds=min(self.training.rounds, 3),
            steps=min(self.training.steps, 10),
            warm_up=min(self.training.warm_up, 5),
        )
        rewiring = replace(self.growth.rewiring, guard=min(self.growth.rewiring.guard, 10))
        growth = replace(self.growth, probe=min(self.growth.probe, 64), rewiring=rewiring, every=1)
        at, rounds = self.faults.at_round, self.training.rounds
        at = max(min(at, 1), at * training.rounds // rounds)  # at 0 they have always been there
        faults = replace(self.faults, at_round=at, practice=min(self.faults.practice, 10))
        devices = replace(self.devices, copies=min(self.devices.copies, 2))
        run = replace(self.run, snapshots=min(self.run.snapshots, 1))
        stream = replace(self.stream, limit=limit)
        return replace(self, stream=stream, training=training, growth=growth, faults=faults, devices=devices, run=run)
