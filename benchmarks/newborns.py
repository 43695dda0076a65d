"""Does it help to raise newborns in another way? Accuracy with one switch of ``growth.newborns`` at a time.

    python benchmarks/newborns.py --seeds 2 --out runs/newborns

Two streams of ``benchmarks/learning.py``: digits split and digits joint, both with growth. ``usual`` is how newborns
are raised by default. Variance transfer is the one switch by which growth changes what the network computes: its mean
loss on the probe is measured right before and after every growth event. Every trial is a run folder under --out; the
command goes on where it was stopped.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any
from unittest.mock import patch

import tyro
from rich.console import Console
from torch import Tensor

from benchmarks.learning import Learning, conditions, folder_name, measure, view
from smalti.agents.expert import Expert
from smalti.model.growth.learning_rates import NewbornOptions
from smalti.scheduler.config import Config, RunOptions
from smalti.scheduler.experiments.trials import run_trials
from smalti.scheduler.simulation import Simulation

STREAMS = {"split": "digits split, growth and gating", "joint": "digits joint, growth"}
SWITCHES = {
    "usual": NewbornOptions(),
    "rate x 3": NewbornOptions(rate=3.0),
    "rate x 3 for 100 steps": NewbornOptions(rate=3.0, youth=100),
    "warm-up 60 steps": NewbornOptions(warm_up=60),
    "rate adaptation": NewbornOptions(rate_adaptation=True),
    "variance transfer": NewbornOptions(variance_transfer=True),
}
DECAYS = {"decay .1": (0.1, 0), "decay .1 guard 60": (0.1, 60)}  # weight decay and guard


@dataclass(frozen=True, kw_only=True)
class Options:
    """Compare newborns on digits.

    Attributes:
        seeds: runs of every switch on every stream.
        streams: split, joint or both.
        out: folder of the trials.
    """

    seeds: int = 2
    streams: tuple[str, ...] = tuple(STREAMS)
    out: Path = Path("runs/newborns")

    def __post_init__(self) -> None:
        if unknown := [name for name in self.streams if name not in STREAMS]:
            raise ValueError(f"--streams {unknown[0]} is unknown; take some of {', '.join(STREAMS)}")


def raised(stream: str) -> dict[str, tuple[Config, tuple[str, ...]]]:
    """Name -> configuration and the settings to report."""
    usual, settings = conditions("")[STREAMS[stream]]
    found: dict[str, Config] = {
        name: replace(usual, growth=replace(usual.growth, newborns=newborns)) for name, newborns in SWITCHES.items()
    }
    for name, (decay, guard) in DECAYS.items():
        optimiser = replace(usual.training.optimiser, weight_decay=decay, guard=guard)
        found[name] = replace(usual, training=replace(usual.training, optimiser=optimiser))
    return {f"{stream}, {name}": (config, settings[:1]) for name, config in found.items()}


def jumps(config: Config) -> list[tuple[float, float]]:
    """Mean loss on the probe before and after every growth event of a whole run, nats."""
    simulation, losses = Simulation(config), []
    grower, grow = simulation.grower, simulation.grower.grow

    def watched(expert: Expert, task: int, births: int, x: Tensor, labels: Tensor, *how: Any) -> None:
        before = grower.probe(expert, x, labels).loss.mean()
        grow(expert, task, births, x, labels, *how)
        losses.append((float(before), float(grower.probe(expert, x, labels).loss.mean())))

    with patch.object(grower, "grow", watched):
        while not simulation.finished:
            simulation.step()
    return losses


def main() -> None:
    """Run what is missing, then print accuracies and what variance transfer does to the loss."""
    options = tyro.cli(Options, description=__doc__)
    console = Console(width=None if sys.stdout.isatty() else 150)
    chosen = {name: found for stream in options.streams for name, found in raised(stream).items()}
    trials = {
        folder_name(name, seed): replace(config, run=RunOptions(seed=seed))
        for name, (config, _) in chosen.items()
        for seed in range(options.seeds)
    }
    failed = run_trials(trials, options.out, lambda name, how: console.print(f"{name}: {how}", highlight=False))
    whole = {n: c for n, c in chosen.items() if not any(folder_name(n, s) in failed for s in range(options.seeds))}
    how = Learning(seeds=options.seeds, out=options.out)
    results = [result for name, (_, settings) in whole.items() for result in measure(name, settings, how)]
    console.print(view(results, options.seeds))
    for stream in options.streams:
        config, _ = chosen[f"{stream}, variance transfer"]
        losses = [pair for seed in range(options.seeds) for pair in jumps(replace(config, run=RunOptions(seed=seed)))]
        rises = [after - before for before, after in losses]
        console.print(
            f"{stream}: variance transfer takes the mean loss from {mean(b for b, _ in losses):.4f} to "
            f"{mean(a for _, a in losses):.4f} nats at a growth event (mean of {len(losses)}, at most "
            f"{max(rises):+.4f})",
            highlight=False,
        )


if __name__ == "__main__":
    main()
