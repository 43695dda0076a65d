"""Many runs on one machine: one folder a trial, every core busy, stopped and taken up again as one likes.

A trial is a run folder like any other. Trials that are finished are skipped, those begun are resumed. Processes are
started by spawn and run some trials each: starting one takes seconds, and Mesa keeps models alive. The pool's own limit
of tasks for each process hung here, so every few trials have a pool of their own.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

import mesa

from smalti.scheduler.config import Config
from smalti.scheduler.config_io import differences, load
from smalti.scheduler.records.atomic import write_text_atomic
from smalti.scheduler.records.folder import open_run
from smalti.scheduler.runner import resume, start

RUNS_PER_PROCESS = 16
FINISHED = "finished"  # an empty file in the folder of a trial that needs not be looked at again

Report = Callable[[str, str], None]  # name of the trial, "done" or the error


def run_trials(trials: Mapping[str, Config], folder: Path, report: Report, workers: int = 0) -> dict[str, str]:
    """Run every trial into its own folder.

    Args:
        trials: name -> configuration; the name is the folder's.
        folder: where the folders are made.
        report: told of every trial that ends.
        workers: trials at a time; 0 takes one for each core, less the threads that a trial uses.

    Returns:
        Errors of the trials that failed, by name; the others are finished.
    """
    folder.mkdir(parents=True, exist_ok=True)
    threads = max((config.run.threads for config in trials.values()), default=1)
    workers = workers or max(1, (os.cpu_count() or 1) // threads)
    failed: dict[str, str] = {}
    done = [name for name, config in trials.items() if is_finished(config, folder / name)]
    for name in done:
        report(name, "done")
    names, context = [name for name in trials if name not in done], multiprocessing.get_context("spawn")
    for first in range(0, len(names), workers * RUNS_PER_PROCESS):
        batch = names[first : first + workers * RUNS_PER_PROCESS]
        with ProcessPoolExecutor(min(workers, len(batch)), mp_context=context) as pool:
            running = {pool.submit(run_trial, trials[name], folder / name): name for name in batch}
            for future in as_completed(running):
                name, error = running[future], future.exception()
                if error is not None:
                    failed[name] = f"{type(error).__name__}: {error}"
                report(name, failed.get(name, "done"))
    return failed


def run_trial(config: Config, path: Path) -> None:
    """Start one trial, or resume it."""
    if not path.exists():
        start(config, path, lambda simulation: None)
    else:
        changed = _changed(config, path)
        if changed:
            raise ValueError(f"{path} holds another configuration (differs in {', '.join(changed)}); delete it first")
        resume(path, lambda simulation: None)
    if not (path / FINISHED).exists():
        write_text_atomic(path / FINISHED, "")


@contextmanager
def models_forgotten() -> Iterator[None]:
    """For processes that run many simulations: let go of those made meanwhile, which Mesa counts agents for."""
    counted: dict[mesa.Model, object] = getattr(mesa.Agent, "_ids", {})
    before = set(counted)
    try:
        yield
    finally:
        for model in set(counted) - before:
            del counted[model]
        gc.collect()


def is_finished(config: Config, path: Path) -> bool:
    """Whether a trial with this configuration has been run to its end."""
    return (path / FINISHED).exists() and not _changed(config, path)


def _changed(config: Config, path: Path) -> list[str]:
    """Fields in which the run at a path differs from a configuration."""
    return list(differences(load(Config, open_run(path).config), config.resolved()))
