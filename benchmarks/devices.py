"""What memristive devices cost: the seconds of a training step of the event-driven engine, as a multiple of ideal ones.

    python -m benchmarks.devices
    python -m benchmarks.devices --neurons 256 1024 4096 --repeats 9

A step is forward, backward, Adam and whatever the devices need, on one batch of the network that the benchmark of the
engines has (``benchmarks.engines.workload``): a full chip, every device of which learns, or half of which is frozen.
All kinds take turns in one process with one thread; what is compared is the median of the processor's seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import process_time
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.engines.workload import Problem, Workload, problem
from benchmarks.script import script
from smalti.model.devices import DevicesOptions
from smalti.model.devices.memristors import Memristors
from smalti.model.optimiser import Moments, OptimiserOptions, step

KINDS: Mapping[str, dict[str, Any]] = {
    "ideal": {},
    "mosaic": {"kind": "mosaic"},
    "mosaic, on a copy": {"kind": "mosaic", "learning": "noise"},
    "reading alone": {"kind": "reram_wan", "programming": 0, "learning": "exact"},
    "reram_wan without reading": {"kind": "reram_wan", "reading": 0},
    "reram_wan": {"kind": "reram_wan"},
    "pcm": {"kind": "pcm"},
}
TURN = 0.2  # least seconds of a turn
RATE = 1e-6  # of learning: spikes stay as they are


@dataclass(frozen=True, kw_only=True)
class Devices:
    """Measure training steps on memristive devices.

    Attributes:
        neurons: sizes of the network, multiples of 32.
        repeats: turns of every kind.
        frozen: share of the tiles whose devices are frozen.
        rate: spikes per hidden neuron and step, about.
        steps: time steps of a sample.
    """

    neurons: tuple[int, ...] = (256, 1024)
    repeats: int = 7
    frozen: float = 0.0
    rate: float = 0.05
    steps: int = 100


def training(of: Problem, devices: dict[str, Any]) -> Callable[[], None]:
    """A training step on these devices."""
    here = of.on("events", 1)
    network, x = here.network, here.events(of.x)
    network.memristors = Memristors(DevicesOptions(**devices), network)
    state, moments, adam = network.state, Moments.fresh(network.state.weight), OptimiserOptions(clip=0)
    learns = state.mask & ~state.frozen
    slope = torch.full((of.x.shape[1], len(here.outputs), len(x)), 1e-3)

    def train() -> None:
        gradient = network.record(x, here.outputs).backward(slope, None)
        step(state.weight, gradient, learns, moments, RATE, adam, fused=True, threads=1)
        network.memristors.learned(learns)

    return train


def turn(train: Callable[[], None]) -> float:
    """Median seconds of a step, of as many as fill a turn."""
    seconds: list[float] = []
    while sum(seconds) < TURN or len(seconds) < 3:
        begun = process_time()
        train()
        seconds.append(process_time() - begun)
    return median(seconds)


def measure(neurons: int, options: Devices) -> tuple[int, dict[str, list[float]]]:
    """Devices in use, and seconds of a step in every turn, by kind."""
    of = problem(Workload(neurons=neurons, rate=options.rate, steps=options.steps, threads=1))
    state = of.network.state
    tiles = round(options.frozen * len(state.mask))
    state.frozen[:tiles] = state.mask[:tiles]
    steps = {kind: training(of, devices) for kind, devices in KINDS.items()}
    for train in steps.values():
        train()  # programs the whole chip, and compiles
    turns: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(options.repeats):
        for kind, train in steps.items():
            turns[kind].append(turn(train))
    return int(torch.count_nonzero(state.mask)), turns


def view(options: Devices) -> Table:
    """Multiples of ideal devices: medians over turns, and in brackets the least and the greatest."""
    table = Table(title="seconds of a step, as a multiple of those on ideal devices", title_justify="left")
    for column in ("neurons", "devices", "ideal, ms", *list(KINDS)[1:]):
        table.add_column(column, justify="right")
    for neurons in options.neurons:
        devices, turns = measure(neurons, options)
        ideal = turns.pop("ideal")
        ratios = {kind: [a / b for a, b in zip(seconds, ideal, strict=True)] for kind, seconds in turns.items()}
        cells = (f"{median(r):.2f} ({min(r):.2f} to {max(r):.2f})" for r in ratios.values())
        table.add_row(f"{neurons:,}", f"{devices:,}", f"{1000 * median(ideal):.2f}", *cells)
    return table


def main(options: Devices) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    Console(width=None if sys.stdout.isatty() else 170).print(view(options))


if __name__ == "__main__":
    script(lambda: main(tyro.cli(Devices, description=__doc__)))
