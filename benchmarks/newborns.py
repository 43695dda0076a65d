"""How far does variance transfer move what a network computes? Its mean loss right before and after growth events.

    python benchmarks/newborns.py --seeds 2

Of all switches of ``growth.newborns`` it is the one by which growth changes the function. What the switches are worth
in accuracy: `smalti compare newborns`, whose streams these are.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from statistics import mean
from typing import Any
from unittest.mock import patch

import tyro
from rich.console import Console
from torch import Tensor

from benchmarks.script import script
from smalti.agents.expert import Expert
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.experiments.plan import Cell
from smalti.scheduler.experiments.reading import find_file, load_experiment
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.wanted import Wanted

VARIANT = "variance-transfer"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measure the jumps of the loss.

    Attributes:
        seeds: runs on every stream.
        streams: split, joint or both.
    """

    seeds: int = 2
    streams: tuple[str, ...] = ("split", "joint")


def jumps(config: Config) -> list[tuple[float, float]]:
    """Mean loss on the probe before and after every growth event of a whole run, nats."""
    simulation, losses = Simulation(config), []
    grower, grow = simulation.grower, simulation.grower.grow

    def watched(expert: Expert, task: int, births: int, x: Tensor, wanted: Wanted, *how: Any) -> None:
        before = grower.probe(expert, x, wanted).loss.mean()
        grow(expert, task, births, x, wanted, *how)
        losses.append((float(before), float(grower.probe(expert, x, wanted).loss.mean())))

    with patch.object(grower, "grow", watched):
        while not simulation.finished:
            simulation.step()
    return losses


def main() -> None:
    """Run, then print what variance transfer does to the loss."""
    options = tyro.cli(Options, description=__doc__)
    console = Console(width=None if sys.stdout.isatty() else 150)
    experiment = load_experiment(find_file("newborns")).only_some(options.streams, (VARIANT,), options.seeds)
    for stream in experiment.streams:
        configs = [experiment.config(Cell(stream, VARIANT), seed) for seed in range(options.seeds)]
        losses = [pair for config in configs for pair in jumps(config)]
        rises = [after - before for before, after in losses]
        console.print(
            f"{stream}: variance transfer takes the mean loss from {mean(b for b, _ in losses):.4f} to "
            f"{mean(a for _, a in losses):.4f} nats at a growth event (mean of {len(losses)}, at most "
            f"{max(rises):+.4f})",
            highlight=False,
        )


if __name__ == "__main__":
    script(main)
