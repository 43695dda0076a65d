"""Who notices that the task has changed? Detectors of hidden boundaries beside each other, mean over seeds.

    python benchmarks/detection.py --seeds 2 --fsdd free-spoken-digit-dataset.zip --out runs/detection

Every trial is a run folder under --out; the command goes on where it was stopped. Accuracies are of validation data.
"""

from __future__ import annotations

import sys
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from analysis.detection import summary
from analysis.load import load_run
from analysis.overview import mean_accuracy
from model.gating.detection import DETECTORS
from scheduler.config import Config, RunOptions
from scheduler.streams import StreamOptions
from scheduler.trials import run_trials

RECURRING = (0, 1, 2, 0, 3, 1)
COLUMNS = ("validation", "boundaries", "returns", "detected", "founded", "delay", "fired again", "refounded", "false")


@dataclass(frozen=True)
class Comparing:
    """Compare detectors of task changes.

    Attributes:
        seeds: runs of every condition.
        detectors: those to compare.
        streams: sudden, recurring, drifting (the recurring one with drift .3), speakers (needs fsdd).
        rounds: rounds of an experience.
        fsdd: archive or folder of the Free Spoken Digit Dataset; empty leaves the speakers out.
        out: folder of the trials.
        workers: trials at a time; 0 takes one for each core.
    """

    seeds: int = 2
    detectors: tuple[str, ...] = tuple(DETECTORS)
    streams: tuple[str, ...] = ("sudden", "recurring", "drifting", "speakers")
    rounds: int = 10
    fsdd: str = ""
    out: Path = Path("runs/detection")
    workers: int = 0


def conditions(options: Comparing) -> dict[str, Config]:
    """Name of a trial without its seed -> configuration."""
    streams = {
        "sudden": StreamOptions(boundaries="hidden"),
        "recurring": StreamOptions(boundaries="hidden", order=RECURRING),
        "drifting": StreamOptions(boundaries="hidden", order=RECURRING, drift=0.3),
    }
    if options.fsdd:
        streams["speakers"] = StreamOptions(
            boundaries="hidden", name="fsdd", path=options.fsdd, by="speaker", setting="domain"
        )
    base = Config()
    training = replace(base.training, rounds=options.rounds)
    found = {}
    for stream in (name for name in options.streams if name in streams):
        for detector in options.detectors:
            detect = replace(base.gating.detect, by=detector)
            found[f"{stream}-{detector}"] = replace(
                base, stream=streams[stream], training=training, gating=replace(base.gating, detect=detect)
            )
    return found


def main() -> None:
    """Run what is missing, then print the table."""
    options = tyro.cli(Comparing, description=__doc__)
    console = Console(width=None if sys.stdout.isatty() else 150)
    chosen = conditions(options)
    trials = {
        f"{name}-seed{seed}": replace(config, run=RunOptions(seed=seed))
        for seed in range(options.seeds)
        for name, config in chosen.items()
    }
    failed = run_trials(
        trials, options.out, lambda name, how: console.print(f"{name}: {how}", highlight=False), options.workers
    )
    table = Table(title=f"mean of {options.seeds} seeds, {options.rounds} rounds", title_justify="left")
    for column in ("stream", "detector", *COLUMNS):
        table.add_column(column, justify="left" if column in ("stream", "detector") else "right", no_wrap=True)
    for name in chosen:
        folders = [f"{name}-seed{seed}" for seed in range(options.seeds)]
        if not failed.keys() & set(folders):
            table.add_row(*name.split("-"), *measure([options.out / folder for folder in folders]))
    console.print(table)


def measure(folders: list[Path]) -> list[str]:
    """A row of the table."""
    runs = [load_run(folder) for folder in folders]
    setting = "domain" if runs[0].config["stream"]["setting"] == "domain" else "class"
    accuracy = float(np.mean([mean_accuracy(run, setting, "validation") for run in runs]))
    values = np.array([astuple(summary(run)) for run in runs], dtype=float)
    means = [float(column[~np.isnan(column)].mean()) if not np.isnan(column).all() else np.nan for column in values.T]
    return [f"{accuracy:.3f}", *(f"{value:.0f}" for value in means[:2]), *(_text(value) for value in means[2:])]


def _text(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"


if __name__ == "__main__":
    main()
