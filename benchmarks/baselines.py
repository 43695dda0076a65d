"""Continual-learning methods of the literature and controls of growth, on the same chip, network and stream.

    python benchmarks/baselines.py --seeds 2 --out runs/baselines

Every trial is a run folder under --out; the command goes on where it was stopped. docs/baselines.md says what each of
them is.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import tyro
from rich.console import Console

from benchmarks.learning import CLASS_SETTINGS, Learning, folder_name, measure, view
from model.continual import METHODS, ContinualOptions
from scheduler.config import Config, RunOptions
from scheduler.streams import StreamOptions
from scheduler.trials import run_trials

GROWN, AT_ONCE = "growth and gating", "the final size at once"  # the second one follows the births of the first
Conditions = dict[str, tuple[Config, tuple[str, ...]]]


@dataclass(frozen=True)
class Baselines:
    """Measure methods and controls on split digits.

    Attributes:
        seeds: runs of every condition.
        out: folder of the trials.
        only: conditions to run, by name; empty runs all.
        workers: trials at a time; 0 takes one for each core.
    """

    seeds: int = 2
    out: Path = Path("runs/baselines")
    only: tuple[str, ...] = ()
    workers: int = 0


def methods() -> Conditions:
    """One static expert for all classes, trained by each method; the task is told at test alone, or in training too."""
    split = Config()
    found: Conditions = {}
    for name in METHODS:
        shared = replace(
            split,
            growth=replace(split.growth, when="never", seed_width=9),  # about as many neurons as growth ends with
            gating=replace(split.gating, experts="shared", protect=False),
            training=replace(split.training, continual=ContinualOptions(method=name)),
        )
        found[name] = (shared, ("class", "task"))
        found[f"{name}, task told"] = (replace(shared, stream=StreamOptions(setting="task")), ("task",))
    still = found["none"][0]
    found["joint, static"] = (replace(still, stream=StreamOptions(setting="joint")), ("joint",))
    found["growth, shared expert"] = (replace(still, growth=split.growth), ("class", "task"))
    return found


def controls(recorded: Path) -> Conditions:
    """Growth with its gate, and what else could explain how it does."""
    split = Config()
    growth = split.growth
    at_once = replace(growth, when="schedule", every=1, until=0.1, births=15, where="balanced")
    changed = {
        GROWN: split,
        AT_ONCE: replace(split, growth=replace(growth, replay=str(recorded), replay_at="start")),
        "blocks allocated at once": replace(split, growth=at_once),
        "random times": replace(split, growth=replace(growth, when="random")),
        "no protection": replace(split, gating=replace(split.gating, protect=False)),
        "trunk, frozen": replace(split, gating=replace(split.gating, trunk=True)),
        "trunk, elastic": replace(split, gating=replace(split.gating, trunk=True, stiffness=1.0)),
    }
    return {name: (config, CLASS_SETTINGS if name == GROWN else CLASS_SETTINGS[:2]) for name, config in changed.items()}


def conditions(out: Path, seed: int) -> Conditions:
    """Name -> configuration and the settings to report."""
    every = {**controls(out / folder_name(GROWN, seed)), **methods()}
    return {name: (replace(config, run=RunOptions(seed=seed)), settings) for name, (config, settings) in every.items()}


def main() -> None:
    """Run what is missing, then print the table."""
    options = tyro.cli(Baselines, description=__doc__)
    console = Console(width=None if sys.stdout.isatty() else 150)
    every = [conditions(options.out, seed) for seed in range(options.seeds)]
    chosen = [name for name in every[0] if not options.only or name in options.only]
    failed: dict[str, str] = {}
    for stage in ([GROWN] * bool({GROWN, AT_ONCE} & {*chosen}), [name for name in chosen if name != GROWN]):
        trials = {folder_name(name, seed): of[name][0] for name in stage for seed, of in enumerate(every)}

        def report(name: str, how: str) -> None:
            console.print(f"{name}: {how}", highlight=False)

        failed |= run_trials(trials, options.out, report, options.workers)
    done = [name for name in chosen if not any(folder_name(name, s) in failed for s in range(options.seeds))]
    where = Learning(seeds=options.seeds, out=options.out)
    console.print(view([r for name in done for r in measure(name, every[0][name][1], where)], options.seeds))


if __name__ == "__main__":
    main()
