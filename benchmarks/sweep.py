"""What more workers are worth: trials finished in a second by one, two, ... workers on the same trials.

    python benchmarks/sweep.py

Every trial is the same short simulation with another seed, by one thread. Workers are started before the clock is, by
a trial for each, as in a long sweep; what they start with is not measured. Numbers of workers take turns. On a machine
with as many free cores two workers should finish at least 1.8 times as many trials as one.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter

import tyro
from joblib import delayed
from rich.console import Console
from rich.table import Table

from benchmarks.script import script
from smalti.analysis.experiment import measure
from smalti.scheduler.experiments.folder import ExperimentFolder
from smalti.scheduler.experiments.options import ExperimentOptions
from smalti.scheduler.experiments.plan import Experiment
from smalti.scheduler.experiments.trials import Trial, seeded
from smalti.scheduler.experiments.workers.attempt import Job, attempt
from smalti.scheduler.experiments.workers.backends import Spread, Workers, opened

ENOUGH = 1.8  # times the trials of one worker that two should finish


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """Measure what more workers are worth.

    Attributes:
        workers: numbers of workers, 1 among them.
        trials: trials of a turn for each worker.
        rounds: rounds of a task of a trial.
        repeats: turns of each number of workers; the median counts.
        json: file for the results.
    """

    workers: tuple[int, ...] = (1, 2)
    trials: int = 4
    rounds: int = 6
    repeats: int = 3
    json: Path | None = None

    def __post_init__(self) -> None:
        if 1 not in self.workers or min(self.workers) < 1:
            raise ValueError(f"--workers {self.workers} must hold 1, which the others are compared with, and none less")
        for name in ("trials", "rounds", "repeats"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} {getattr(self, name)} must be at least 1")


@dataclass(frozen=True)
class Record:
    """One number of workers."""

    workers: int
    trials: int
    seconds: float  # median of the turns
    seconds_low: float
    seconds_high: float
    ratio: float  # trials a second by those of one worker


def trials_of(options: Throughput, count: int, first_seed: int) -> list[Trial]:
    """Short runs on split digits, each with another seed."""
    base = {"stream": {"limit": 60}, "training": {"rounds": options.rounds, "steps": 20}}
    return seeded(Experiment("short", ExperimentOptions(seeds=count, first_seed=first_seed), base), {})


def turn(spread: Spread, options: Throughput, workers: int, seed: int) -> float:
    """Seconds that so many workers take for their trials.

    Raises:
        ValueError: a trial failed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        job = Job.mine(ExperimentFolder(Path(scratch) / "sweep").make(""), measure, "benchmark")
        trials = trials_of(options, workers * options.trials, seed)
        begin = perf_counter()
        spread((delayed(attempt)(job, trial) for trial in trials), at_a_time=workers)
        seconds = perf_counter() - begin
        for trial in trials:
            if error := job.folder.error(trial.name):
                raise ValueError(f"a trial failed: {error}")
    return seconds


def compare(options: Throughput) -> list[Record]:
    """Let numbers of workers take turns."""
    turns: dict[int, list[float]] = {count: [] for count in options.workers}
    with opened(Workers(count=max(options.workers))) as spread:
        turn(spread, replace(options, trials=2, rounds=1), max(options.workers), 10_000)
        for number in range(options.repeats):
            for count in options.workers:
                turns[count].append(turn(spread, options, count, 1000 * number))
    alone = options.trials / median(turns[1])
    return [
        Record(
            count,
            count * options.trials,
            median(seconds),
            min(seconds),
            max(seconds),
            count * options.trials / median(seconds) / alone,
        )
        for count, seconds in turns.items()
    ]


def table(records: list[Record]) -> Table:
    """A row for each number of workers."""
    table = Table(
        title=f"trials by workers, on {len(os.sched_getaffinity(0))} cores (seconds: median, least to greatest)"
    )
    for heading in ("workers", "trials", "seconds", "trials a minute", "times one worker"):
        table.add_column(heading, justify="right")
    for one in records:
        seconds = f"{one.seconds:.1f} ({one.seconds_low:.1f} to {one.seconds_high:.1f})"
        rate = f"{60 * one.trials / one.seconds:.1f}"
        table.add_row(str(one.workers), str(one.trials), seconds, rate, f"{one.ratio:.2f}")
    return table


def main(options: Throughput) -> None:
    """Measure and print."""
    records = compare(options)
    console = Console()
    console.print(table(records))
    two = next((one for one in records if one.workers == 2), None)
    if two is not None:
        verdict = "at least" if two.ratio >= ENOUGH else "less than"
        console.print(f"two workers finish {verdict} {ENOUGH} times the trials of one ({two.ratio:.2f})")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(one) for one in records], indent=2) + "\n")


if __name__ == "__main__":
    script(lambda: main(tyro.cli(Throughput)))
