"""What a worker does: take a trial, run it or go on with it, measure it, write down how it ended.

All that is known of a trial is in the folder; what a worker returns says only whether it had the trial. A worker that
is killed leaves the trial to the next, which goes on from its last checkpoint.
"""

from __future__ import annotations

import gc
import shutil
import traceback
import warnings
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

from smalti.scheduler.configuration.config_io import flatten
from smalti.scheduler.experiments.folder import ExperimentFolder, Measures, OtherDataError
from smalti.scheduler.experiments.running import run_trial
from smalti.scheduler.experiments.trials import Trial, digest
from smalti.scheduler.runner import Watcher
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.fingerprint import fingerprint

ENDED, BUSY = "ended", "busy"
Measure = Callable[[Path], Measures]  # what a finished run came to


@dataclass(frozen=True)
class Job:
    """What workers are told once: where, how to measure, and on whose behalf."""

    folder: ExperimentFolder
    measure: Measure
    by: str
    directory: Path  # that relative paths of data are meant from

    @staticmethod
    def mine(folder: ExperimentFolder, measure: Measure, by: str) -> Job:
        """A job on behalf of this process."""
        return Job(ExperimentFolder(folder.path.resolve()), measure, by, Path.cwd())


def attempt(job: Job, trial: Trial) -> str:
    """Run a trial to its end, unless it has one already.

    Returns:
        ``ENDED``, well or not, or ``BUSY`` where another process runs it.
    """
    with job.folder.claim(trial.name, job.by) as mine:
        if not mine:
            return BUSY
        if not job.folder.ended(trial.name):
            _run(job, trial)
    return ENDED


def _same_data(folder: ExperimentFolder) -> Watcher:
    """Compares, after the first round, the data of a run with that of others of its kind."""
    seen: list[str] = []

    def watch(simulation: Simulation) -> None:
        if not seen:
            seen.append(fingerprint(simulation.stream))
            kind = {**flatten(simulation.config.stream), "channels": simulation.stream.channels}
            folder.check_data(digest(kind), seen[0])

    return watch


def _run(job: Job, trial: Trial) -> None:
    name, path = trial.name, job.folder.trials / trial.name
    try:
        if trial.leader and job.folder.error(trial.leader):
            raise ValueError(f"the run that it follows failed ({trial.leader})")
        with warnings.catch_warnings(record=True) as said, chdir(job.directory):
            warnings.simplefilter("always")
            run_trial(trial.prepared(job.folder.trials), path, _same_data(job.folder))
        messages = dict.fromkeys(str(one.message) for one in said if one.category is UserWarning)
        job.folder.keep_measures(name, {**job.measure(path), "warnings": "; ".join(messages)})
    except OtherDataError as error:
        shutil.rmtree(path)  # it was begun with that data
        job.folder.keep_error(name, f"OtherDataError: {error}")
    except Exception as error:  # whatever happens in a trial, the others go on
        short = " ".join(f"{type(error).__name__}: {error}".split())
        job.folder.keep_error(name, f"{traceback.format_exc()}\n{short}")
    gc.collect()  # a simulation is a circle: what it held is needed now, for the next
