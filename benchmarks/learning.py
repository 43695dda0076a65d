"""Does it learn? Test accuracy of growth and gating beside the controls, mean and spread over seeds.

    python benchmarks/learning.py --seeds 3 --fsdd free-spoken-digit-dataset.zip --out runs/learning

Every trial is a run folder under --out; the command goes on where it was stopped. All choices were made on
validation data. The gating network chooses experts and has no vote on classes: it would hide what the network can do.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean, stdev

import tyro
from rich.console import Console
from rich.table import Table

from smalti.analysis.overview import mean_accuracy, resources
from smalti.analysis.runs import load_run
from smalti.model.gating import GatingOptions
from smalti.scheduler.config import Config, RunOptions
from smalti.scheduler.experiments.trials import run_trials
from smalti.scheduler.streams import StreamOptions

CLASS_SETTINGS = ("class", "task", "gate")


@dataclass(frozen=True)
class Learning:
    """Measure learning on digits and, where the archive is given, on spoken digits.

    Attributes:
        seeds: runs of every condition.
        fsdd: archive or folder of the Free Spoken Digit Dataset; empty leaves it out.
        out: folder of the trials.
        only: conditions to run, by name; empty runs all.
        json: file for the results.
    """

    seeds: int = 3
    fsdd: str = ""
    out: Path = Path("runs/learning")
    only: tuple[str, ...] = ()
    json: Path | None = None


@dataclass(frozen=True)
class Result:
    """One condition in one setting, over all seeds; accuracies as mean and standard deviation."""

    condition: str
    setting: str
    validation: tuple[float, float]
    test: tuple[float, float]
    neurons: float
    wires: float  # sides of tiles in use
    spikes: float  # per sample, asked without a label where that is possible
    seconds: float
    overhead: float  # share of the time beside training and evaluation


def conditions(fsdd: str) -> dict[str, tuple[Config, tuple[str, ...]]]:
    """Name -> configuration and the settings to report."""
    split = Config(gating=GatingOptions(vote=0.0))  # the network's own answers
    still = replace(split.growth, when="never")
    joint = replace(
        split,
        stream=StreamOptions(setting="joint"),
        training=replace(split.training, rounds=30, learning_rate=0.005),
        growth=replace(split.growth, seed_width=10, target_rate=0.12),
    )
    static = replace(joint, growth=replace(joint.growth, when="never", seed_width=16))
    naive = replace(
        split,
        growth=replace(still, seed_width=9),  # about as many neurons as growth ends with
        gating=replace(split.gating, experts="shared", protect=False),
    )
    found: dict[str, tuple[Config, tuple[str, ...]]] = {
        "digits split, growth and gating": (split, CLASS_SETTINGS),
        "digits split, random growth rule": (
            replace(split, growth=replace(split.growth, rule="random")),
            CLASS_SETTINGS,
        ),
        "digits split, seed experts only": (replace(split, growth=still), CLASS_SETTINGS),
        "digits split, no growth, wider seeds": (replace(split, growth=replace(still, seed_width=2)), CLASS_SETTINGS),
        "digits split, no growth, no protection": (naive, CLASS_SETTINGS),
        "digits joint, growth": (joint, ("joint",)),
        "digits joint, static, filled": (static, ("joint",)),
    }
    if fsdd:
        for name, (config, settings) in list(found.items()):
            spoken = replace(config, stream=replace(config.stream, name="fsdd", path=fsdd))
            found[name.replace("digits", "fsdd")] = (spoken, settings)
    return found


def main() -> None:
    """Run what is missing, then print the table."""
    options = tyro.cli(Learning, description=__doc__)
    console = Console(width=None if sys.stdout.isatty() else 150)
    chosen = {n: c for n, c in conditions(options.fsdd).items() if not options.only or n in options.only}
    trials = {
        folder_name(name, seed): replace(config, run=RunOptions(seed=seed))
        for name, (config, _) in chosen.items()
        for seed in range(options.seeds)
    }
    failed = run_trials(trials, options.out, lambda name, how: console.print(f"{name}: {how}", highlight=False))
    done = {
        name: c for name, c in chosen.items() if not any(folder_name(name, s) in failed for s in range(options.seeds))
    }
    results = [result for name, (_, settings) in done.items() for result in measure(name, settings, options)]
    console.print(view(results, options.seeds))
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")


def folder_name(name: str, seed: int) -> str:
    """Folder of a trial."""
    return f"{name.replace(', ', '-').replace(' ', '-')}-seed{seed}"


def measure(name: str, settings: tuple[str, ...], options: Learning) -> list[Result]:
    """Mean and spread of one condition, one result a setting."""
    runs = [load_run(options.out / folder_name(name, seed)) for seed in range(options.seeds)]
    spent = [resources(run) for run in runs]
    return [
        Result(
            condition=name,
            setting=setting,
            validation=spread([mean_accuracy(run, setting, "validation") for run in runs]),
            test=spread([mean_accuracy(run, setting, "test") for run in runs]),
            neurons=mean(r.neurons for r in spent),
            wires=mean(r.wires for r in spent),
            spikes=mean(r.spikes_per_sample for r in spent),
            seconds=mean(r.seconds for r in spent),
            overhead=mean(r.overhead for r in spent),
        )
        for setting in settings
    ]


def spread(values: list[float]) -> tuple[float, float]:
    """Mean and standard deviation."""
    return mean(values), stdev(values) if len(values) > 1 else 0.0


def view(results: list[Result], seeds: int) -> Table:
    """Results as a table to look at."""
    table = Table(title=f"accuracy in %, mean and standard deviation of {seeds} seeds", title_justify="left")
    for column in ("condition", "setting", "validation", "test", "neurons", "wires", "spikes", "seconds", "overhead"):
        table.add_column(column, justify="left" if column in ("condition", "setting") else "right", no_wrap=True)
    for r in results:
        accuracies = [f"{100 * middle:.1f} ± {100 * width:.1f}" for middle, width in (r.validation, r.test)]
        numbers = [f"{value:.0f}" for value in (r.neurons, r.wires, r.spikes, r.seconds)]
        table.add_row(r.condition, r.setting, *accuracies, *numbers, f"{r.overhead:.0%}")
    return table


if __name__ == "__main__":
    main()
