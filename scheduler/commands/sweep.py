"""``smalti sweep``: many runs that differ in some fields."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro
from rich.console import Console

from smalti.scheduler.records.atomic import write_text_atomic

if TYPE_CHECKING:
    from smalti.scheduler.sweeping.drive import Work
    from smalti.scheduler.sweeping.folder import SweepFolder
    from smalti.scheduler.sweeping.plan import Sweep as Plan

EXAMPLE = Path(__file__).parents[1] / "sweeping" / "example.toml"
WIDTH = 170  # characters of a table that nobody looks at in a terminal


@dataclass(frozen=True)
class Sweep:
    """Run many variants of a configuration: every combination of a grid, samples, or an adaptive search.

    A sweep is a file: what all runs share, and the fields that vary, with their values:

      [axes]
      "growth.rule" = ["random", "gradmax_whitened"]
      "training.learning_rate" = { low = 1e-3, high = 1e-1, log = true, points = 4 }
      [sweep]
      seeds = 3
      [base.training]
      rounds = 5

    `smalti sweep my.toml --init` writes one to start from; docs/sweeps.md explains it. Everything is checked before
    anything runs. Every trial is a run folder OUT/trials/NAME, named by a hash of its configuration: the same command
    goes on where it was stopped, and runs only what is missing when the file asks for more. The same command may run
    in several processes, on one machine or on many that share the folder: they divide the trials among them.

    OUT/sweep.parquet has a row a trial, at any time: pandas.read_parquet("OUT/sweep.parquet").

    With --search optuna (extra `optuna`) the axes are searched for the best --objective instead.

    Attributes:
        file: the sweep (.toml).
        out: folder of the sweep; by default runs/NAME OF THE FILE.
        backend: who runs the trials: local (processes of this machine), ray or dask (extras of these names).
        address: of a running cluster, such as ray://host:10001 or tcp://host:8786; by default one is started here.
        workers: trials at a time; 0 takes every core.
        search: design (what the file says) or optuna: choose every trial by those before it.
        trials: trials of the search in all; ask for more later and it goes on.
        objective: column of sweep.parquet that the search is for; the mean over the seeds.
        direction: whether the objective is to be large or small.
        quick: shrink every run to seconds, to see whether everything works. The numbers mean nothing.
        retry: try again what failed before.
        dry_run: only check the file and list the trials.
        init: write an example into the file instead.
    """

    file: tyro.conf.Positional[Path]
    out: Path | None = None
    backend: Literal["local", "ray", "dask"] = "local"
    address: str = ""
    workers: int = 0
    search: Literal["design", "optuna"] = "design"
    trials: int = 0
    objective: str = "accuracy"
    direction: Literal["maximize", "minimize"] = "maximize"
    quick: bool = False
    retry: bool = False
    dry_run: bool = False
    init: bool = False

    def execute(self) -> None:
        """Run what is missing, then print what came out."""
        if self.init:
            write_example(self.file)
            return
        from smalti.scheduler.commands.sweep_view import (
            list_trials,  # not above: help need not wait for pandas and scipy
        )
        from smalti.scheduler.sweeping.folder import SweepFolder
        from smalti.scheduler.sweeping.plan import load_sweep

        plan = load_sweep(self.file)
        plan = plan.shortened() if self.quick else plan
        folder = SweepFolder(self.out or Path("runs") / (f"{plan.name}-quick" if self.quick else plan.name))
        work = self.work(plan, folder)
        if self.dry_run:
            list_trials(work.known(), folder, Console(width=None if sys.stdout.isatty() else WIDTH))
        else:
            run_sweep(self, plan, folder, work)

    def work(self, plan: Plan, folder: SweepFolder) -> Work:
        """What is to be done: the trials of the design, checked, or a search."""
        from smalti.scheduler.sweeping.design import check_trials, trials_of
        from smalti.scheduler.sweeping.drive import Listed
        from smalti.scheduler.sweeping.search import Search, Searching

        if self.search == "optuna":
            if self.trials < 1 or self.dry_run:
                raise ValueError("--search optuna needs --trials, such as --trials 50; it cannot list them before")
            search = Search(plan, self.trials, self.objective, self.direction)
            search.check()
            return Searching(search, folder)
        if self.trials:
            raise ValueError("--trials goes with --search optuna; the file says how many trials a design has")
        trials = trials_of(plan)
        check_trials(plan, trials)
        return Listed(folder, trials)


def run_sweep(command: Sweep, plan: Plan, folder: SweepFolder, work: Work) -> None:
    """Run what is missing, and print what came out.

    Raises:
        ValueError: the folder or the workers cannot be used, or no trial finished.
        KeyboardInterrupt: with the advice how to go on.
    """
    from smalti.analysis.sweeping import measure
    from smalti.scheduler.commands.sweep_view import print_sweep, showing
    from smalti.scheduler.sweeping.backends import Workers, opened
    from smalti.scheduler.sweeping.drive import drive
    from smalti.scheduler.sweeping.table import State
    from smalti.scheduler.sweeping.watch import watched

    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    workers = Workers(backend=command.backend, address=command.address, count=command.workers, threads=plan.threads)
    folder.make(command.file.read_text(encoding="utf-8"))
    if command.retry:
        for name in [name for name in work.known() if folder.error(name)]:
            folder.forget_error(name)
    state = State(folder, work.known, work.total)
    try:
        with showing(console, state) as tell, watched(state, tell):
            if work.left():
                with opened(workers) as spread:
                    drive(work, folder, measure, spread)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{folder.table} has what is there; the same command goes on") from None
    print_sweep(state, command.objective, command.direction, console)


def write_example(file: Path) -> None:
    """Write a commented sweep to start from."""
    if file.exists():
        raise ValueError(f"{file} exists; give another name or delete it")
    if not file.parent.is_dir():
        raise ValueError(f"the folder {file.parent} does not exist; make it first")
    write_text_atomic(file, EXAMPLE.read_text(encoding="utf-8"))
    Console().print(f"wrote {file}; edit it, then `smalti sweep {file} --quick`", highlight=False, markup=False)
