"""What a growing run costs, against tiles, tasks, samples and input channels, and on a chip of 16 x 16 tiles.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --json scaling.json    # a second call goes on where the first one was stopped

A run is a recipe of ``smalti init --size``, shortened, with its tables and checkpoints, in one thread. In a series one
quantity varies; the exponent is the slope of the logarithms. Seconds are of the processor, which other processes
disturb less than those on the clock. Training is what the steps of a round take; opening the seeds of experts, and
evaluation of all tasks after each, stand apart; the rest is growth, records and checkpoints.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.script import script
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import nested
from smalti.scheduler.configuration.configure import changed
from smalti.scheduler.configuration.recipes import SIDES, recipe
from smalti.scheduler.records.state import split
from smalti.scheduler.runner import start
from smalti.scheduler.simulation import Simulation

Changes = Mapping[str, object]
FIVE: Changes = {"stream.transform": "none", "stream.tasks": 0}  # tasks, of the digits as they are
SHORT: Changes = {"training.rounds": 3, "training.steps": 20}  # newborns come in the first round of a task
PLACE = 8  # bytes by which a device is found
QUICK: Changes = {"training.rounds": 2, "training.steps": 2, "stream.limit": 10, "growth.probe": 16}

SERIES: Mapping[str, Sequence[tuple[int, Changes]]] = {
    "tiles": [(side**2, {**FIVE, "fabric.rows": side, "fabric.cols": side, "stream.steps": 44}) for side in (4, 8, 16)],
    "tasks": [(5, FIVE), (10, {"stream.tasks": 2}), (20, {"stream.tasks": 4})],
    "samples of a class": [(n, {**FIVE, "stream.limit": n, "training.steps": n // 4}) for n in (40, 80, 160)],
    "channels": [
        (16, {**FIVE, "stream.pool": 2}),
        (64, FIVE),
        (256, {**FIVE, "stream.code": "population", "stream.cells": 4}),
    ],
}


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Measure what growing runs cost.

    Attributes:
        series: which quantities to vary.
        whole: a recipe that is run as it is, for the share of training; empty leaves it out.
        tasks: of that recipe, those that are played.
        quick: two points of each series with next to no training, and the small recipe, to see that it works.
        json: file for the results; runs that are in it are not repeated.
    """

    series: tuple[str, ...] = tuple(SERIES)
    whole: str = "medium"
    tasks: int = 20
    quick: bool = False
    json: Path | None = None

    def __post_init__(self) -> None:
        for name in self.series:
            if name not in SERIES:
                raise ValueError(f"--series {name!r} is unknown; take some of {', '.join(map(repr, SERIES))}")
        if self.whole and self.whole not in SIDES:
            raise ValueError(f"--whole {self.whole!r} is no recipe; take one of {', '.join(SIDES)}, or ''")
        if not 1 <= self.tasks <= 20:
            raise ValueError(f"--tasks {self.tasks} must be 1 to 20")


@dataclass(frozen=True)
class Cost:
    """Seconds of the processor that a run takes, and what it leaves."""

    total: float
    train: float
    opening: float
    evaluate: float
    checkpoint: int  # bytes of the last checkpoint
    written: int  # bytes of all checkpoints, as far as they were written again
    used: int  # bytes of what is in use then, as ``bytes_in_use`` counts
    rounds: int

    @property
    def rest(self) -> float:
        """Growth, records and checkpoints."""
        return self.total - self.train - self.opening - self.evaluate


class Meter:
    """Adds up seconds of calls."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watch(self, owner: object, name: str) -> None:
        """Count the calls of a method of an object from now on."""
        method: Callable[..., Any] = getattr(owner, name)

        def metered(*arguments: Any) -> Any:
            begin = process_time()
            try:
                return method(*arguments)
            finally:
                self.seconds += process_time() - begin

        setattr(owner, name, metered)


class Enough(Exception):
    """As many rounds as were wanted have been played."""


def cost_of(config: Config, rounds: int | None = None) -> Cost:
    """Play a run, or so many rounds of it."""
    train, opening, evaluate = Meter(), Meter(), Meter()

    def begun(simulation: Simulation) -> None:
        train.watch(simulation.protocol, "train")
        opening.watch(simulation.protocol, "begin")
        evaluate.watch(simulation, "_evaluate")

    with tempfile.TemporaryDirectory() as folder:
        disk, looking = Disk(Path(folder) / "run"), Meter()
        looking.watch(disk, "look")

        def watch(simulation: Simulation) -> None:
            disk.look(simulation)
            if simulation.round == rounds:
                raise Enough

        begin = process_time()
        with suppress(Enough):
            start(config, disk.out, watch, begun=begun)
        total = process_time() - begin - looking.seconds
    parts = train.seconds, opening.seconds, evaluate.seconds
    return Cost(total, *parts, sum(disk.files.values()), disk.written, disk.used, disk.rounds)


class Disk:
    """What the checkpoints of a run take."""

    def __init__(self, out: Path) -> None:
        self.out, self.rounds, self.used, self.written = out, 0, 0, 0
        self.files: dict[tuple[str, int], int] = {}  # name and time -> bytes, of the checkpoint that there is

    def look(self, simulation: Simulation) -> None:
        """After a round."""
        found = {file.name: file.stat() for file in (self.out / "checkpoint").iterdir()}
        now = {(name, stat.st_mtime_ns): stat.st_size for name, stat in found.items()}
        self.written += sum(size for file, size in now.items() if file not in self.files)
        self.files, self.rounds, self.used = now, simulation.round, bytes_in_use(simulation)


def bytes_in_use(simulation: Simulation) -> int:
    """Bytes of what a run holds: every device in use with its place, for each tensor of devices, and all else."""
    network = simulation.network
    tensors = split(simulation.state_dict())[0].values()
    devices, shape = int(torch.count_nonzero(network.state.mask)), network.state.weight.shape
    each = ((devices * (PLACE + t.itemsize) if t.shape == shape else t.numel() * t.itemsize) for t in tensors)
    return sum(each)


def changed_recipe(size: str, *changes: Changes) -> Config:
    """A recipe with some fields changed."""
    config: Config = recipe(size)
    for some in changes:
        config = changed(config, nested(some))
    return config


def first_expert(size: str) -> float:
    """Seconds in which the first expert of a recipe is opened."""
    simulation, meter = Simulation(changed_recipe(size, SHORT, {"training.steps": 1})), Meter()
    meter.watch(simulation.protocol, "begin")
    simulation.step()
    return meter.seconds


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """Slope of the logarithm of y against that of x."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


class Results:
    """What has been measured, by name; kept in a file, if there is one."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.known: dict[str, Any] = json.loads(file.read_text()) if file is not None and file.exists() else {}

    def get(self, name: str, measure: Callable[[], Any]) -> Any:
        """A result that is known, or is measured and written down now."""
        if name not in self.known:
            self.known[name] = measure()
            if self.file is not None:
                self.file.write_text(json.dumps(self.known, indent=2) + "\n")
        return self.known[name]

    def cost(self, name: str, measure: Callable[[], Cost]) -> Cost:
        """A cost, as ``get``."""
        return Cost(**self.get(name, lambda: asdict(measure())))


def table(title: str, heading: str, costs: Mapping[float, Cost]) -> Table:
    """A row for each run of a series, and the exponents."""
    made = Table(title=title, title_justify="left")
    for name in (
        heading,
        "run",
        "training",
        "opening",
        "evaluation",
        "rest",
        "run / training",
        "checkpoint, kB",
        "written, MB",
    ):
        made.add_column(name, justify="right")
    for x, one in costs.items():
        seconds = (one.total, one.train, one.opening, one.evaluate, one.rest)
        share = f"{one.total / one.train:.2f}"
        sizes = f"{one.checkpoint / 1000:.0f}", f"{one.written / 1e6:.0f}"
        made.add_row(f"{x:g}", *(f"{s:.2f}" for s in seconds), share, *sizes)
    columns = ([getattr(c, name) for c in costs.values()] for name in ("total", "train", "opening", "evaluate", "rest"))
    slopes = [f"{exponent(list(costs), column):.2f}" for column in columns]
    of_sizes = ([getattr(c, name) for c in costs.values()] for name in ("checkpoint", "written"))
    slopes += ["", *(f"{exponent(list(costs), column):.2f}" for column in of_sizes)]
    made.add_row("exponent", *slopes, style="bold")
    return made


def main(options: Scaling) -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    results, console = Results(options.json), Console()
    short, mark = (QUICK, " quick") if options.quick else (SHORT, "")
    cost_of(changed_recipe("small", QUICK, FIVE), rounds=1)  # compiles kernels
    for name in options.series:
        points = SERIES[name][: 2 if options.quick else None]
        costs: dict[float, Cost] = {}
        for x, changes in points:
            config = changed_recipe("small", short, changes)
            costs[x] = results.cost(f"{name} {x}{mark}", partial(cost_of, config))
        console.print(table(f"seconds of the processor against {name}, 8 x 8 tiles if these do not vary", name, costs))
    sizes = list(SIDES)[: 2 if options.quick else None]
    opened = {size: float(results.get(f"first expert {size}", partial(first_expert, size))) for size in sizes}
    tiles = [SIDES[size] ** 2 for size in sizes]
    said = ", ".join(f"{seconds:.2f} s ({SIDES[size]} x {SIDES[size]} tiles)" for size, seconds in opened.items())
    console.print(f"opening the first expert: {said}; exponent {exponent(tiles, list(opened.values())):.2f}")
    if options.whole:
        config = changed_recipe(options.whole, QUICK if options.quick else {})
        rounds = config.training.rounds * options.tasks
        name = f"recipe {options.whole}, {options.tasks} tasks{mark}"
        one = results.cost(name, partial(cost_of, config, rounds))
        parts = f"training {one.train:.1f}, opening {one.opening:.1f}, evaluation {one.evaluate:.1f}"
        console.print(
            f"{name}: {one.total:.1f} s, {one.total / one.train:.2f} times training alone ({parts}, "
            f"rest {one.rest:.1f}); the last of {one.rounds} checkpoints has {one.checkpoint / 1e6:.2f} MB, "
            f"what is in use takes {one.used / 1e6:.2f}; {one.written / 1e6:.1f} MB were written for all of them"
        )


if __name__ == "__main__":
    script(lambda: main(tyro.cli(Scaling)))
