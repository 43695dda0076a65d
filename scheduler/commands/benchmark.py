"""``smalti benchmark continual``: methods of continual learning beside each other, on many streams, over many seeds."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro
from rich.console import Console

from smalti.scheduler.records.atomic import write_text_atomic

if TYPE_CHECKING:
    import pandas as pd

    from smalti.analysis.runs import Run
    from smalti.scheduler.comparing.continual import Benchmark, Trial

TRIALS = "trials"
WIDTH = 170  # characters of a table that nobody looks at in a terminal


@dataclass(frozen=True)
class RunBenchmark:
    """Benchmark methods of continual learning: tasks arrive one by one, none may be forgotten.

    `smalti benchmark continual` runs growth with gating, its controls and the baselines of the literature on streams of
    tasks, in one table: accuracy, forgetting, transfer, neurons, wires, spikes, additions, stored values. Means over
    seeds with 95 % bootstrap intervals, and differences to the control method paired by seed.

    Every run is a folder under OUT/trials; uses every core, goes on where it was stopped, and runs what is missing when
    asked for more. The folder then holds outcomes.parquet (a row a run and number), matrices.parquet (accuracy on every
    task after every task), summary.parquet, differences.parquet, table.md and benchmark.svg.

    Attributes:
        subject: what to benchmark: continual.
        file: methods and streams; by default the ones that come with smalti (docs/continual.md explains the file).
        out: folder for the results.
        fsdd: zip or folder of the Free Spoken Digit Dataset; without it its streams are left out.
        streams: streams to run, by name; empty runs all.
        methods: methods to run, by name; empty runs all.
        seeds: runs of every method on every stream; 0 takes the file's number.
        quick: one seed of shrunk runs, in minutes, to see whether everything works. The numbers mean nothing.
        test: look at the test set instead of validation data. Once, when all is decided.
        workers: runs at a time; 0 takes every core.
    """

    subject: tyro.conf.Positional[Literal["continual"]]
    file: Path | None = None
    out: Path | None = None
    fsdd: str = ""
    streams: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    seeds: int = 0
    quick: bool = False
    test: bool = False
    workers: int = 0

    def execute(self) -> None:
        """Run what is missing, then write and print the results."""
        from smalti.analysis import comparison, continual  # not above: help need not wait for pandas
        from smalti.analysis.plots.continual import draw_benchmark
        from smalti.analysis.runs import load_run
        from smalti.scheduler.commands.benchmark_view import markdown, print_benchmark
        from smalti.scheduler.commands.compare_view import draw
        from smalti.scheduler.commands.progress import trial_bar
        from smalti.scheduler.comparing.continual import DEFAULT, load_benchmark, run_benchmark
        from smalti.scheduler.comparing.folder import ComparisonFolder

        console = Console(width=None if sys.stdout.isatty() else WIDTH)
        file = self.file or DEFAULT
        benchmark = load_benchmark(file, {"fsdd": self.fsdd})
        benchmark = benchmark.only(self.streams, self.methods, self.seeds)
        benchmark = benchmark.shortened() if self.quick else benchmark
        out = self.out or Path("runs") / ("continual-quick" if self.quick else "continual")
        out.mkdir(parents=True, exist_ok=True)
        write_text_atomic(out / "benchmark.toml", file.read_text(encoding="utf-8"))
        with trial_bar(console, len(benchmark.trials())) as report:
            errors = run_benchmark(benchmark, out / TRIALS, report, self.workers)
        runs = {trial: load_run(out / TRIALS / trial.folder, keep=True) for trial, error in errors.items() if not error}
        if not runs:
            raise ValueError(f"none of the {len(errors)} runs finished; the first says: {next(iter(errors.values()))}")
        split = "test" if self.test else "validation"
        outcomes, matrices = tables_of(benchmark, runs, split)
        layout, control = comparison.CONTINUAL, {"method": benchmark.options.control}
        tables = {
            "outcomes": outcomes,
            "matrices": matrices,
            "summary": comparison.summary(outcomes, layout=layout),
            "differences": comparison.differences(
                continual.comparable(outcomes, benchmark.options.control), control, layout=layout
            ),
        }
        folder = ComparisonFolder(out)
        folder.write(tables)
        write_text_atomic(out / "table.md", markdown(tables["summary"], tables["differences"], split))
        draw(lambda: draw_benchmark(tables["summary"], matrices), out / "benchmark.svg", console)
        print_benchmark(benchmark, folder, errors, split, console)


def tables_of(benchmark: Benchmark, runs: Mapping[Trial, Run], split: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Outcomes and accuracy matrices of every row of the benchmark whose run finished."""
    import pandas as pd

    from smalti.analysis import continual

    measured, matrices = [], []
    for row in benchmark.rows():
        run = runs.get(benchmark.run_of(row))
        if run is None:
            continue
        for setting, asked in readings(benchmark, row, run, runs):
            told = {"method": row.method, "stream": row.stream, "setting": setting, "seed": row.seed}
            measured.append((told, continual.outcomes(run, asked, split)))
            matrices.append(continual.matrix_rows(run, asked, split, told))
    return continual.long_table(measured), pd.concat(matrices, ignore_index=True)


def readings(benchmark: Benchmark, row: Trial, run: Run, runs: Mapping[Trial, Run]) -> list[tuple[str, str]]:
    """For every setting of a row, under which setting its run's evaluations are read."""
    from smalti.analysis import continual
    from smalti.scheduler.comparing.continual import ANY

    method = benchmark.methods[row.method]
    if method.reads != ANY:  # a run in another setting stands beside those of the control's
        control = runs.get(benchmark.run_of(type(row)(row.stream, benchmark.options.control, row.seed)))
        return [(name, method.reads) for name in continual.settings(control or run)]
    if method.answer == "gate":
        return [(name, "gate") for name in continual.settings(run) if name != "task"]
    return [(name, name) for name in continual.settings(run)]
