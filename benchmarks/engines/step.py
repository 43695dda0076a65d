"""One training step of our engines beside the same network in other libraries: seconds, memory, and what is possible.

    python benchmarks/engines/step.py --neurons 256 1024 4096 --linear 16384 65536 --rate 0.02 0.05 0.1 --denormals \
        --json engines.json --plot engines.svg

A step is forward, backward and Adam on one batch of a recurrent network of LIF neurons (``engines.workload`` says
which). All engines run in one process, in turn, with as many threads each and with denormal numbers flushed to zero;
``--denormals`` repeats all steps in another process without flushing. The event-driven engine is also measured: passes
with and without a tape; by threads, beside the same in several processes, which shows what the machine's cores are
worth; and against a lower bound of what a step takes (``benchmarks.engines.roofline``).
"""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import tyro
from rich.console import Console

from benchmarks.engines import peers, roofline, tables, timing
from benchmarks.engines.timing import Case, Record
from benchmarks.engines.workload import TILE, Workload, has_events

OURS = ("events", "dense")


@dataclass(frozen=True, kw_only=True)
class Engines:
    """Measure a training step.

    Attributes:
        neurons: sizes of the network, multiples of 32.
        linear: larger sizes, measured on our own engines alone.
        dense_limit: largest of the linear sizes that the dense engine gets.
        scaling: sizes at which threads are compared.
        rate: spikes per hidden neuron and step, about; one or several.
        engines: events, dense, and those of the peers plain, snntorch, norse and spikingjelly that are installed.
        steps: time steps of a sample.
        batch: samples of a batch.
        inputs: input channels.
        threads: threads of every engine.
        repeats: turns of every engine.
        denormals: measure once more without flushing denormal numbers.
        seed: of weights and input spikes.
        json: file for the results.
        plot: file for a picture of seconds against neurons, such as engines.svg; needs matplotlib.
    """

    neurons: tuple[int, ...] = (256, 1024)
    linear: tuple[int, ...] = (4096,)
    dense_limit: int = 16384
    scaling: tuple[int, ...] = (1024,)
    rate: tuple[float, ...] = (0.05,)
    engines: tuple[str, ...] = ("events", "dense", "snntorch", "norse", "spikingjelly")
    steps: int = 100
    batch: int = 64
    inputs: int = 128
    threads: int = 2
    repeats: int = 5
    denormals: bool = False
    seed: int = 0
    json: Path | None = None
    plot: Path | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "inputs", "threads", "repeats"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} {getattr(self, name)} must be at least 1")
        for name in ("neurons", "linear", "scaling"):
            for size in getattr(self, name):
                if size < TILE or size % TILE:
                    raise ValueError(f"--{name} {size} must be a multiple of {TILE}, the neurons of a tile")
        unknown = sorted(set(self.engines) - {*OURS, *peers.PEERS})
        if unknown:
            raise ValueError(f"--engines {' '.join(unknown)}: take some of {' '.join([*OURS, *peers.PEERS])}")
        for rate in self.rate:
            if not 0 < rate < 0.5:
                raise ValueError(f"--rate {rate} must lie between 0 and 0.5")
        for name in ("json", "plot"):
            file = getattr(self, name)
            if file is not None and not file.absolute().parent.is_dir():
                raise ValueError(f"--{name} {file}: the folder {file.absolute().parent} does not exist; make it first")
        if self.plot is not None and self.plot.suffix not in (".svg", ".png", ".pdf"):
            raise ValueError(f"--plot {self.plot} must end in .svg, .png or .pdf")
        if self.plot is not None and importlib.util.find_spec("matplotlib") is None:
            raise ValueError("--plot needs matplotlib, which is not installed: pip install matplotlib")

    def workload(self, neurons: int, rate: float) -> Workload:
        """What is computed at one size and rate."""
        return Workload(neurons, rate, self.steps, self.batch, self.inputs, self.seed, self.threads)

    def cases(self) -> list[Case]:
        """What is computed, and by whom."""
        workloads = []
        for rate in self.rate:
            workloads += [(self.workload(size, rate), self.engines) for size in self.neurons]
            for size in self.linear:
                able = tuple(e for e in self.engines if e == "events" or (e == "dense" and size <= self.dense_limit))
                workloads += [(self.workload(size, rate), able)] if able else []
        return workloads


def measure(options: Engines, console: Console) -> list[Record]:
    """All that the options ask for."""
    records, cases = list[Record](), options.cases()
    said = set[str]()

    def say(line: str) -> None:
        if line not in said:
            said.add(line)
            console.print(line)

    for workload, engines in cases:
        with console.status(f"{workload.neurons} neurons, rate {workload.rate:g} ..."):
            records += timing.measure(workload, engines, options.repeats, say)
    if "events" in options.engines and has_events():
        for neurons in options.scaling:
            workload = options.workload(neurons, options.rate[0])
            with console.status(f"{neurons} neurons by threads and processes ..."):
                if options.threads > 1:
                    records += timing.by_processes(workload, options.repeats)
                records += timing.by_threads(workload, options.repeats)
    if options.denormals:
        with console.status("without flushing denormal numbers ..."):
            records += timing.with_denormals(cases, options.repeats)
    return records


def show(records: list[Record], console: Console) -> None:
    """Print all tables that have rows."""
    flushed = tables.steps(records)
    title = "one training step; ratio: to the median of the fastest peer"
    measured = [
        tables.step_table(flushed, title),
        tables.step_table(tables.steps(records, flushed=False), f"{title}; denormal numbers not flushed"),
        tables.speed_table(flushed),
        tables.passes_table([one for one in records if one.flushed]),
        tables.scaling_table(records),
    ]
    for table in measured:
        if table.row_count:
            console.print(table)
    for line in tables.exponents(records):
        console.print(line)


def main(options: Engines) -> None:
    """Measure, print and write."""
    torch.set_flush_denormal(True)  # before any thread starts, so that all have it
    torch.set_num_threads(options.threads)
    console = Console(width=None if sys.stdout.isatty() else 120)
    records = measure(options, console)
    show(records, console)
    if any(one.work for one in records):
        machine = roofline.machine(options.threads)
        console.print(tables.limit_table([one for one in records if one.flushed], machine))
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(record) for record in records], indent=2) + "\n")
    if options.plot is not None:
        tables.draw(records, options.plot)


if __name__ == "__main__":
    main(tyro.cli(Engines, description=__doc__))
