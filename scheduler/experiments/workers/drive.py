"""Sees an experiment through: hands out what is missing until everything has ended, whatever happens to the workers.

Several processes may drive the same experiment. What one of them runs the others leave alone, and wait for it.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

from joblib import delayed

from smalti.scheduler.experiments.folder import ExperimentFolder
from smalti.scheduler.experiments.trials import Trial
from smalti.scheduler.experiments.workers.attempt import ENDED, Job, Measure, attempt
from smalti.scheduler.experiments.workers.backends import Spread, Task, WorkersDied

DEATHS = 3  # of its worker in the same round, after which a trial is given up
PAUSE = 1.0  # seconds between two looks at what other processes do


class Work(Protocol):
    """What is to be done."""

    @property
    def total(self) -> int:
        """Trials in all."""

    def known(self) -> Mapping[str, Trial]:
        """Trials known by now; there are more and more in an adaptive search."""

    def left(self) -> list[str]:
        """Names of what has not ended; in an adaptive search some of them may not be known yet."""

    def tasks(self, job: Job, names: list[str]) -> Iterable[Task]:
        """What workers are to do about these."""


class Listed:
    """The trials of a design."""

    def __init__(self, folder: ExperimentFolder, trials: Mapping[str, Trial]) -> None:
        self.folder = folder
        self.trials = trials

    @property
    def total(self) -> int:
        """Trials in all."""
        return len(self.trials)

    def known(self) -> Mapping[str, Trial]:
        """All trials."""
        return self.trials

    def left(self) -> list[str]:
        """Names of trials that have not ended and can begin: those that follow another wait until it has ended."""
        leaders = {name: trial.leader for name, trial in self.trials.items()}
        left = {name for name in self.trials if not self.folder.ended(name)}
        return [name for name in self.trials if name in left and leaders[name] not in left]

    def tasks(self, job: Job, names: list[str]) -> Iterable[Task]:
        """A task for each trial."""
        return (delayed(attempt)(job, self.trials[name]) for name in names)


def drive(work: Work, folder: ExperimentFolder, measure: Measure, spread: Spread) -> None:
    """Hand out work until nothing is left."""
    deaths: Counter[str] = Counter()
    in_vain = 0  # times in a row that workers died before they took a trial
    while names := work.left():
        job = Job.mine(folder, measure, uuid.uuid4().hex)
        suspects = [name for name in names if deaths[name] >= DEATHS - 1]  # alone, to see who is to blame
        try:
            if suspects:
                outcomes = spread(work.tasks(job, suspects[:1]), at_a_time=1)
            else:
                outcomes = spread(work.tasks(job, names))
        except WorkersDied as error:
            in_vain = 0 if _blame(work.left(), folder, job.by, deaths) else in_vain + 1
            if in_vain >= DEATHS:
                raise ValueError(f"workers die before they begin a trial: {error}") from error
            continue
        in_vain = 0
        if ENDED not in outcomes:
            time.sleep(PAUSE)


def _blame(names: list[str], folder: ExperimentFolder, by: str, deaths: Counter[str]) -> bool:
    """Count the deaths of those who were at work and got no further; give up whom it happened to too often.

    Returns:
        Whether anybody was at work.
    """
    at_work = False
    for name in names:
        claim = folder.claimant(name)
        if claim.get("by") != by or folder.ended(name) or folder.claimed(name):
            continue
        at_work = True
        deaths[name] = deaths[name] + 1 if claim["rounds"] == folder.rounds(name) else 1
        if deaths[name] >= DEATHS:
            folder.keep_error(
                name, f"WorkerDied: its worker was killed {DEATHS} times in round {claim['rounds']} (out of memory?)"
            )
    return at_work
