"""What ``smalti sweep``, ``smalti compare`` and ``smalti benchmark`` have in common: one engine for many runs."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.console import Console

from smalti.scheduler.commands.stopping import advising
from smalti.scheduler.records.atomic import write_text_atomic
from smalti.scheduler.records.pasted import pasted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from smalti.scheduler.experiments.folder import ExperimentFolder
    from smalti.scheduler.experiments.plan import Experiment
    from smalti.scheduler.experiments.table import State
    from smalti.scheduler.experiments.trials import Row
    from smalti.scheduler.experiments.workers.drive import Work

WIDTH = 170  # characters of a table that nobody looks at in a terminal


@dataclass(frozen=True)
class ExperimentCommand:
    """Run an experiment.

    Attributes:
        experiment: its file (.toml), or the name of one that comes along: growth, growth-speech, growth-wide,
            growth-where, growth-when, growth-market, newborns, surrogate, continual, detection, unheard, cognitive,
            hidden-rule, memory, budget, budget-cognitive, deep-mixture, devices, damage, routing, wiring,
            wiring-training.
        out: folder of the experiment; by default runs/NAME OF THE FILE.
        backend: who runs the trials: local (processes of this machine), ray or dask (extras of these names).
        address: of a running cluster, such as ray://host:10001 or tcp://host:8786; by default one is started here.
        workers: trials at a time; 0 takes every core.
        streams: named streams to run; empty runs all.
        variants: named variants to run; empty runs all. Controls, and what they follow, come along.
        seeds: runs of everything; by default the file's number.
        fsdd: zip or folder of the Free Spoken Digit Dataset; without it the named streams that need it are left out.
        quick: shrink every run to seconds, to see whether everything works. The numbers mean nothing.
        test: make the tables of the test set instead of validation data. Once, when all is decided.
        search: design (what the file says) or optuna: choose every combination by those before it.
        trials: combinations that the search tries in all; ask for more later and it goes on.
        objective: measure that the search is for, and that combinations are listed by; the mean over the seeds.
        direction: whether the objective is to be large or small.
        retry: try again what failed before.
        dry_run: only check the file and list the trials.
        init: write an example into the file instead.
    """

    experiment: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="EXPERIMENT")]
    out: Path | None = None
    backend: Literal["local", "ray", "dask"] = "local"
    address: str = ""
    workers: int = 0
    streams: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    seeds: int | None = None
    fsdd: str = ""
    quick: bool = False
    test: bool = False
    search: Literal["design", "optuna"] = "design"
    trials: int = 0
    objective: str = "accuracy"
    direction: Literal["maximize", "minimize"] = "maximize"
    retry: bool = False
    dry_run: bool = False
    init: bool = False

    def execute(self) -> None:
        """Run what is missing, then write and print what came out."""
        if self.init:
            write_example(Path(os.path.expanduser(self.experiment)))
            return
        from smalti.scheduler.commands.experiments.experiment_view import (
            list_trials,  # not above: help need not wait for pandas
        )
        from smalti.scheduler.experiments.folder import ExperimentFolder
        from smalti.scheduler.experiments.reading import find_file, load_experiment

        file = find_file(os.path.expanduser(self.experiment))
        whole = load_experiment(file, {"fsdd": os.path.expanduser(self.fsdd)})
        whole = whole.shortened() if self.quick else whole
        experiment = whole.only_some(self.streams, self.variants, self.seeds)
        default = Path("runs") / (f"{experiment.name}-quick" if self.quick else experiment.name)
        folder = ExperimentFolder(self.out or default)
        console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDTH)
        if self.variants and (added := [name for name in experiment.variants if name not in self.variants]):
            console.print(f"added, to compare with: {', '.join(added)}", markup=False, highlight=False)
        with advising(lambda: f"{folder.path} has what is there; the same command goes on"):
            rows, work = self._work(experiment, folder)
            if self.dry_run:
                list_trials(experiment, work.known(), folder, console)
            else:
                _run(self, experiment, file, rows, work, folder, console)

    def _work(self, experiment: Experiment, folder: ExperimentFolder) -> tuple[list[Row], Work]:
        """The rows of the design and what is to be done: its trials, checked, or a search, which has no rows yet."""
        from smalti.scheduler.commands.experiments.objective import check_objective
        from smalti.scheduler.experiments.design import check_trials, rows_of
        from smalti.scheduler.experiments.search import Search, Searching
        from smalti.scheduler.experiments.workers.drive import Listed

        check_objective(self.objective, experiment)
        if self.search == "optuna":
            if self.trials < 1 or self.dry_run:
                raise ValueError("--search optuna needs --trials, such as --trials 50; it cannot list them before")
            search = Search(experiment, self.trials, self.objective, self.direction)
            search.check()
            return [], Searching(search, folder)
        if self.trials:
            raise ValueError("--trials goes with --search optuna; the file says how many trials a design has")
        rows, trials = rows_of(experiment)
        check_trials(experiment, trials)
        return rows, Listed(folder, trials)


def _run(
    command: ExperimentCommand,
    experiment: Experiment,
    file: Path,
    rows: list[Row],
    work: Work,
    folder: ExperimentFolder,
    console: Console,
) -> None:
    """Run what is missing, then write the tables and pictures and print what came out.

    Raises:
        ValueError: the folder or the workers cannot be used, or no trial finished.
        KeyboardInterrupt: with the advice how to go on, as a note.
    """
    from smalti.analysis.experiment import measure_for
    from smalti.scheduler.commands.experiments.experiment_live import showing
    from smalti.scheduler.commands.experiments.experiment_view import check_any, print_end, print_ranking, print_tables
    from smalti.scheduler.experiments.table import State
    from smalti.scheduler.experiments.workers.backends import Workers, opened
    from smalti.scheduler.experiments.workers.drive import drive
    from smalti.scheduler.experiments.workers.watch import watched

    workers = Workers(
        backend=command.backend, address=command.address, count=command.workers, threads=experiment.threads
    )
    folder.make(file.read_text(encoding="utf-8"))
    if command.retry:
        for name in [name for name in work.known() if folder.error(name)]:
            folder.forget_error(name)
    if work.left() and (found := folder.note_environment()):
        console.print(f"note: trials from now on are made with {', '.join(found)}", markup=False, highlight=False)
    state = State(folder, work.known, work.total)
    with showing(console, state) as tell, watched(state, tell):
        if work.left():
            with opened(workers) as spread:
                drive(work, folder, measure_for(experiment), spread)
    check_any(state)
    tables = write_tables(command, experiment, rows or searched(state), state)
    if experiment.options.control:
        print_tables(experiment, tables, "test" if command.test else "validation", console)
    else:
        print_ranking(state, command.objective, command.direction, console)
    if command.quick:
        console.print("warning: every run was shrunk to seconds: the numbers mean nothing", highlight=False)
    print_end(state, console)


def searched(state: State) -> list[Row]:
    """The rows of a search: one for each of its trials."""
    from smalti.scheduler.experiments.trials import Row

    return [Row(trial.cell, trial.config.run.seed, name) for name, trial in state.trials.items()]


def write_tables(
    command: ExperimentCommand, experiment: Experiment, rows: list[Row], state: State
) -> dict[str, pd.DataFrame]:
    """Write all tables, table.md and pictures of what has finished."""
    from smalti.analysis.experiment import tables
    from smalti.analysis.plots.drawing.figure import save_figure
    from smalti.scheduler.commands.experiments.experiment_view import markdown

    split, folder = "test" if command.test else "validation", state.folder
    frames = tables(experiment, rows, state.measures, folder.trials, split)
    folder.write(frames)
    write_text_atomic(folder.path / "table.md", markdown(experiment, frames, split))
    if importlib.util.find_spec("matplotlib") is not None:
        for name, figure in _pictures(experiment, frames, state).items():
            save_figure(figure, folder.path / f"{name}.svg")
    return frames


def _pictures(
    experiment: Experiment, tables: Mapping[str, pd.DataFrame], state: State
) -> dict[str, Callable[[], Figure]]:
    """Name -> what draws the picture."""
    from smalti.analysis import comparison, plots
    from smalti.analysis.plots.experiment import draw_accuracies, draw_curves

    if not experiment.options.control:
        return {"pareto": lambda: plots.draw_pareto(state.finished())}
    pictures: dict[str, Callable[[], Figure]] = {
        "accuracies": lambda: draw_accuracies(tables["summary"], tables["matrices"])
    }
    if "curves" in tables:
        curves = comparison.curve_summary(tables["curves"])
        pictures["curves"] = lambda: draw_curves(curves, tables["differences"])
    return pictures


def write_example(file: Path) -> None:
    """Write a commented experiment to start from."""
    from smalti.scheduler.experiments.reading import EXAMPLE

    if file.exists():
        raise ValueError(f"{file} exists; give another name or delete it")
    if not file.parent.is_dir():
        raise ValueError(f"the folder {file.parent} does not exist; make it first")
    write_text_atomic(file, EXAMPLE.read_text(encoding="utf-8"))
    command = pasted("smalti", "sweep", file, "--quick")
    Console().print(f"wrote {file}; edit it, then `{command}`", highlight=False, markup=False, soft_wrap=True)
