"""How far does variance transfer move what a network computes? Its mean loss right before and after growth events.

    python benchmarks/newborns.py --seeds 2

Of all switches of ``growth.newborns`` it is the one by which growth changes the function. What the switches are worth
in accuracy: `smalti compare newborns`, whose streams these are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.scheduler.config import Config
from smalti.scheduler.experiments.plan import Cell
from smalti.scheduler.experiments.reading import find_file, load_experiment
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.simulation import Simulation

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


@dataclass
class Watched(Grower):
    """A grower that measures the mean loss on the probe before and after every growth event, in nats."""

    losses: list[tuple[float, float]] = field(default_factory=list)

    def grow(
        self,
        expert: Expert,
        task: int,
        births: int,
        x: Tensor,
        labels: Tensor,
        chance: Callable[[int, int], np.random.Generator],
        reserve: int,
    ) -> None:
        """Grow, and measure."""
        before = self.probe(expert, x, labels).loss.mean()
        super().grow(expert, task, births, x, labels, chance, reserve)
        self.losses.append((float(before), float(self.probe(expert, x, labels).loss.mean())))


def jumps(config: Config) -> list[tuple[float, float]]:
    """Loss before and after every growth event of a whole run."""
    simulation = Simulation(config)
    usual = simulation.grower
    parts: tuple[Any, ...] = usual.model, usual.network, usual.moments, usual.agent, usual.prices, usual.options
    simulation.grower = watched = Watched(*parts)
    while not simulation.finished:
        simulation.step()
    return watched.losses


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
    main()
