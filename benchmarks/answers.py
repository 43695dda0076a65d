"""Is an answer worse than the better of its parts? Experts and gating network, put together in several ways.

    python benchmarks/answers.py --seeds 2

How experts and gating network are put together (``gating.weigh``, ``gating.choose``) has no say in how either learns,
so one run a seed is enough: at its end experts are weighed and asked in every way. Besides digits there are made
recordings, which the experts of a default chip learn badly: 20 classes of 60 samples, 32 channels that fire around a
time of their own, early or late, slow or fast, loud or soft by chance. All else is as in the default configuration.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from statistics import mean
from typing import get_args

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

import smalti
from benchmarks.script import script
from smalti.model.gating.options import Choice, Weighing
from smalti.scheduler.answers import reliability
from smalti.scheduler.records.rows import evaluation_rows
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import Data
from smalti.scheduler.streams.batches import TEST, VALIDATION

CLASSES, SAMPLES, STEPS, CHANNELS = 20, 60, 50, 32
PARTS = {"validation": VALIDATION, "test": TEST}
Ways = Mapping[str, tuple[Weighing, Choice]]
WAYS: Ways = {f"{w}, {c}": (w, c) for w, c in product(get_args(Weighing), get_args(Choice))}


@dataclass(frozen=True)
class Seeds:
    """Compare ways of answering.

    Attributes:
        seeds: runs on each stream.
    """

    seeds: int = 2


def recordings() -> Data:
    """Spikes of made recordings."""
    chance = np.random.default_rng(0)
    time, loudness = chance.uniform(10, 35, CHANNELS), chance.uniform(0.2, 1, CHANNELS)
    x = []
    for _ in range(CLASSES):
        when = time + chance.normal(0, 4, CHANNELS)
        rate, width = loudness * np.exp(chance.normal(0, 0.25, CHANNELS)), chance.uniform(2, 6, CHANNELS)
        for _ in range(SAMPLES):
            shift, stretch = chance.normal(0, 5), np.exp(chance.normal(0, 0.25))
            loud = np.exp(chance.normal(0, 0.5, CHANNELS))
            at = (np.arange(STEPS)[:, None] - shift) / stretch
            rates = 0.4 * rate * loud * np.exp(-0.5 * ((at - when) / width) ** 2) + 0.02
            x.append(chance.random((STEPS, CHANNELS)) < rates)
    return smalti.data.arrays(np.array(x, dtype=np.float32), np.repeat(np.arange(CLASSES), SAMPLES))


def main() -> None:
    """Run, then print a table."""
    options = tyro.cli(Seeds, description=__doc__)
    console = Console(width=None if sys.stdout.isatty() else 120)
    for stream, data in (("digits", None), ("recordings", recordings())):
        runs = []
        for seed in range(options.seeds):
            simulation = Simulation(data=data, run={"seed": seed})
            while not simulation.finished:
                simulation.step()
            runs.append({way: measure(simulation, *settings) for way, settings in WAYS.items()})
        console.print(view(stream, runs))


def measure(simulation: Simulation, weigh: Weighing, choose: Choice) -> dict[tuple[str, str], float]:
    """(split, who answers) -> accuracy without a label, mean over experiences, of a finished simulation."""
    agent, stream = simulation.gating, simulation.stream
    agent.options = replace(agent.options, weigh=weigh, choose=choose)
    for expert in agent.experts:
        for task in expert.tasks:
            x, wanted = simulation.batches_of(stream.experiences[task]).evaluation(VALIDATION)
            reliability.weigh(agent, expert, x, wanted.labels)
    found: dict[tuple[str, str], list[float]] = {}
    for experience, (split, part) in product(stream.experiences, PARTS.items()):
        x, wanted = simulation.batches_of(experience).evaluation(part)
        for row in evaluation_rows(agent, stream, len(stream.experiences) - 1, experience, split, x, wanted):
            found.setdefault((split, str(row["setting"])), []).append(float(str(row["accuracy"])))
    return {key: mean(accuracies) for key, accuracies in found.items()}


def view(stream: str, runs: list[dict[str, dict[tuple[str, str], float]]]) -> Table:
    """Accuracies of every seed."""
    table = Table(title=f"{stream}, class-incremental, accuracy in %, one a seed", title_justify="left")
    columns = [(split, who) for split in PARTS for who in ("class", "experts", "gate")]
    table.add_column("weigh, choose", no_wrap=True)
    for split, who in columns:
        table.add_column(f"{split}: {'answer' if who == 'class' else who}", justify="right")
    for way in WAYS:
        table.add_row(way, *(" / ".join(f"{100 * run[way][column]:.1f}" for run in runs) for column in columns))
    return table


if __name__ == "__main__":
    script(main)
