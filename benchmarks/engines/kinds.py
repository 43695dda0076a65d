"""What memory of the neurons costs: a training step where all are slow, adaptive or both, beside plain ones.

    python benchmarks/engines/kinds.py --neurons 1024

The network and the step are those of ``benchmarks.engines.step``; the gain of the weights is found anew for each kind,
so that all fire at the same rate. The kinds take turns in one process; the ratio is that of each turn to the plain one
in the same round, its median over the rounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.engines import timing
from benchmarks.engines.workload import KINDS, TILE, Engine, Workload, has_events, our_job, problem

PLAIN = "plain"


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """Measure training steps of neurons that remember.

    Attributes:
        neurons: size of the network, a multiple of 32.
        engine: events or dense.
        rate: spikes per hidden neuron and step, about.
        steps: time steps of a sample.
        batch: samples of a batch.
        threads: threads of the engine.
        repeats: turns of every kind.
        seed: of weights and input spikes.
    """

    neurons: int = 1024
    engine: Engine = "events"
    rate: float = 0.05
    steps: int = 100
    batch: int = 64
    threads: int = 2
    repeats: int = 9
    seed: int = 0

    def __post_init__(self) -> None:
        if self.neurons < TILE or self.neurons % TILE:
            raise ValueError(f"--neurons {self.neurons} must be a multiple of {TILE}, the neurons of a tile")
        for name in ("steps", "batch", "threads", "repeats"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} {getattr(self, name)} must be at least 1")
        if not 0 < self.rate < 0.5:
            raise ValueError(f"--rate {self.rate} must lie between 0 and 0.5")
        if self.engine == "events" and not has_events():
            raise ValueError("--engine events needs numba, which is not installed; pip install numba")


@dataclass(frozen=True)
class Row:
    """One kind."""

    kind: str
    rate: float  # spikes per hidden neuron and step
    active: float  # share of hidden membranes inside the surrogate's support, of the event-driven engine
    seconds: float  # of a step
    ratio: float  # to a step of plain neurons


def measure(options: Kinds) -> list[Row]:
    """Time every kind in turn."""
    jobs, active = {}, {}
    for kind in ("", *KINDS):
        work = Workload(
            options.neurons, options.rate, options.steps, options.batch, 128, options.seed, options.threads, kind
        )
        of = problem(work)
        jobs[kind or PLAIN] = our_job(of, options.engine, options.threads)
        active[kind or PLAIN] = of.active()
    for job in jobs.values():
        job.run()
    turns = timing.in_turn(jobs, options.repeats)
    rows = []
    clock = {kind: [one.seconds for one in taken] for kind, taken in turns.items()}
    for kind, seconds in clock.items():
        ratio = median(one / plain for one, plain in zip(seconds, clock[PLAIN], strict=True))
        rows.append(Row(kind, jobs[kind].rate, active[kind], median(seconds), ratio))
    return rows


def main(options: Kinds) -> None:
    """Measure and print."""
    torch.set_flush_denormal(True)  # before any thread starts, so that all have it
    table = Table(title=f"a training step, {options.neurons} neurons, engine {options.engine}")
    for name in ("neurons", "spikes a step", "active", "ms", "ratio to plain"):
        table.add_column(name, justify="left" if name == "neurons" else "right")
    for row in measure(options):
        numbers = f"{row.rate:.3f}", f"{row.active:.3f}", f"{1000 * row.seconds:.1f}", f"{row.ratio:.2f}"
        table.add_row(row.kind, *numbers)
    Console().print(table)


if __name__ == "__main__":
    main(tyro.cli(Kinds, description=__doc__))
