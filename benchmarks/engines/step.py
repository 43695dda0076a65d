"""One training step of our engines beside the same network in other libraries: seconds, memory, and what is possible.

    python benchmarks/engines/step.py --threads 1 --neurons 256 1024 --linear 4096 --scaling
    python benchmarks/engines/step.py --neurons 256 1024 --linear 4096 16384 65536 --rate 0.02 0.05 0.1 --denormals \
        --json engines.json --plot engines.svg

A step is forward, backward and Adam on one batch of a recurrent network of LIF neurons (``engines.workload`` says
which). All engines run in one process, in turn, with as many threads each and with denormal numbers flushed to zero;
``--denormals`` repeats all steps in another process without flushing (JAX flushes always). Peers (``engines.peers``:
other libraries, and the fastest that was found by hand in torch and JAX) are compared with a reference in float64
before they are timed; those that are not installed, or wrong, are named and left out. Engines are compared by seconds
of the processor where they have one thread, else of the clock. The event-driven engine is also measured: passes with
and without a tape; by threads, beside the same in several processes, which shows what the machine's cores are worth;
and against a lower bound of what a step takes (``benchmarks.engines.roofline``).
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

from benchmarks.engines import host, roofline, tables, timing
from benchmarks.engines.peers.registry import PEERS
from benchmarks.engines.timing import OURS, Case, Record
from benchmarks.engines.workload import TILE, Workload, has_events


@dataclass(frozen=True, kw_only=True)
class Engines:
    """Measure a training step.

    Attributes:
        neurons: sizes of the network, multiples of 32.
        linear: larger sizes, measured on our own engines alone.
        dense_limit: largest of the linear sizes that the dense engine gets.
        scaling: sizes at which threads are compared.
        rate: spikes per hidden neuron and step, about; one or several.
        engines: events and dense, which are ours, and peers: plain, snntorch, norse, spikingjelly, torch-dense,
            torch-bf16, torch-blocks, jax-dense, jax-blocks, brainevent-dense, brainevent-csr.
        steps: time steps of a sample.
        batch: samples of a batch.
        inputs: input channels.
        threads: threads of every engine.
        repeats: turns of every engine.
        patience: seconds after which an engine gets no more turns at a size.
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
    engines: tuple[str, ...] = (*OURS, *PEERS)
    steps: int = 100
    batch: int = 64
    inputs: int = 128
    threads: int = 2
    repeats: int = 5
    patience: float = 30.0
    denormals: bool = False
    seed: int = 0
    json: Path | None = None
    plot: Path | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "inputs", "threads", "repeats"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} {getattr(self, name)} must be at least 1")
        if not self.patience > 0:
            raise ValueError(f"--patience {self.patience} must be more than 0")
        for name in ("neurons", "linear", "scaling"):
            for size in getattr(self, name):
                if size < TILE or size % TILE:
                    raise ValueError(f"--{name} {size} must be a multiple of {TILE}, the neurons of a tile")
        unknown = sorted(set(self.engines) - {*OURS, *PEERS})
        if unknown:
            raise ValueError(f"--engines {' '.join(unknown)}: take some of {' '.join([*OURS, *PEERS])}")
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
            records += timing.measure(workload, engines, options.repeats, say, options.patience)
    if "events" in options.engines and has_events():
        for neurons in options.scaling:
            workload = options.workload(neurons, options.rate[0])
            with console.status(f"{neurons} neurons by threads and processes ..."):
                if options.threads > 1:
                    records += timing.by_processes(workload, options.repeats)
                records += timing.by_threads(workload, options.repeats)
    if options.denormals:
        with console.status("without flushing denormal numbers ..."):
            records += timing.with_denormals(cases, options.repeats, options.patience)
    return records


def show(records: list[Record], console: Console) -> None:
    """Print all tables that have rows."""
    flushed = tables.steps(records)
    title = "one training step; ratio: to the fastest peer; deviation: of loss and gradients from the reference"
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
    console = Console(width=None if sys.stdout.isatty() else 132)
    console.print(host.describe())
    records = measure(options, console)
    show(records, console)
    if any(one.work for one in records):
        machine = roofline.machine(options.threads)
        console.print(tables.limit_table([one for one in records if one.flushed], machine))
    if options.json is not None:
        written = {"host": host.describe(), "records": [asdict(record) for record in records]}
        options.json.write_text(json.dumps(written, indent=2) + "\n")
    if options.plot is not None:
        tables.draw(records, options.plot)


if __name__ == "__main__":
    main(tyro.cli(Engines, description=__doc__))
