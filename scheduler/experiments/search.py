"""An adaptive search with Optuna: every trial is chosen by what those before it came to.

All it knows is in a journal in the folder of the experiment: it goes on after a stop, and any number of processes can
join. Whoever works at a number of the search holds a claim on it; if its holder was killed, the next takes it.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from joblib import delayed

from smalti.scheduler.experiments.axes import Axis, Choices, Value
from smalti.scheduler.experiments.folder import ExperimentFolder
from smalti.scheduler.experiments.options import MOST
from smalti.scheduler.experiments.plan import Experiment, Values
from smalti.scheduler.experiments.trials import Trial, seeded
from smalti.scheduler.experiments.workers.attempt import BUSY, ENDED, Job, attempt
from smalti.scheduler.experiments.workers.backends import Task

if TYPE_CHECKING:
    import optuna

VALUES, OBJECTIVE = "values", "objective"  # attributes of a trial and of the study
PLAIN = (bool, int, float, str)
LOCK = "optuna.journal"
MOST_EXCLUDED = 1000  # combinations in a row, before the search gives up
NOTHING = "nothing"  # is left to begin


@dataclass(frozen=True)
class Search:
    """What is searched for, and how long."""

    experiment: Experiment
    trials: int
    objective: str
    direction: Literal["maximize", "minimize"]

    def excluded(self, values: Values) -> bool:
        """Whether a combination is left out everywhere."""
        return all(self.experiment.excluded(replace(place, values=values)) for place in self.experiment.places())

    def check(self) -> None:
        """Whether it can begin.

        Raises:
            ValueError: Optuna is missing, there is nothing to choose, or the objective looks at the test set.
        """
        if not self.experiment.axes:
            raise ValueError(f"{self.experiment.file or 'a search'} needs [axes] to choose from")
        runs = self.trials * len(self.experiment.places()) * len(self.experiment.seeds)
        if self.trials < 1 or runs > MOST:
            raise ValueError(f"--trials {self.trials} stands for {runs:,} runs; there may be 1 to {MOST:,}")
        if self.objective.endswith("_test"):
            raise ValueError(
                f"--objective {self.objective}: choices are made on validation data; the test set only reports"
            )
        _optuna()


class Searching:
    """The trials of a search, those that are to come included."""

    def __init__(self, search: Search, folder: ExperimentFolder) -> None:
        self.search = search
        self.folder = folder
        self._made: dict[int, list[Trial]] = {}  # of the numbers given out

    @property
    def total(self) -> int:
        """Runs in all."""
        return self.search.trials * len(self.search.experiment.places()) * len(self.search.experiment.seeds)

    def known(self) -> Mapping[str, Trial]:
        """Runs of the numbers given out so far."""
        with opened(self.folder, self.search) as study:
            given = {trial.number: values_of(trial) for trial in given_out(study)}
        for number, values in given.items():
            if number not in self._made:
                self._made[number] = seeded(self.search.experiment, values, number)
        trials: dict[str, Trial] = {}
        for number in given:
            for trial in self._made[number]:
                trials.setdefault(trial.name, trial)
        return trials

    def left(self) -> list[str]:
        """Names of runs that have not ended, then a word for each number that is not given out or not told yet."""
        with opened(self.folder, self.search) as study:
            given = given_out(study)
        missing = self.search.trials - sum(trial.state.is_finished() for trial in given)
        names = [name for name in self.known() if not self.folder.ended(name)]
        return names + [NOTHING] * max(0, missing - len(names), int(missing > 0 and not names))

    def tasks(self, job: Job, names: list[str]) -> Iterable[Task]:
        """As many steps of the search as there are names; what failed and is to be tried again is no step of it."""
        with opened(self.folder, self.search) as study:
            told_of = {trial.number for trial in given_out(study) if trial.state.is_finished()}
        known = self.known()
        for name in names:
            again = name in known and known[name].number in told_of
            yield delayed(attempt)(job, known[name]) if again else delayed(step)(job, self.search)


def step(job: Job, search: Search) -> str:
    """Take a number of the search, run its trials, and tell what they came to.

    Returns:
        ``ENDED``, ``BUSY`` where another process runs one of the trials, or ``NOTHING`` where all numbers are taken.

    Raises:
        ValueError: the trials do not measure the objective.
    """
    with ExitStack() as held:
        with opened(job.folder, search) as study:
            taken = _orphan(study, job, held) or _ask(study, search, job, held)
        if taken is None:
            return NOTHING
        number, values = taken
        trials = seeded(search.experiment, values, number)
        for trial in trials:
            if attempt(job, trial) == BUSY:
                return BUSY  # whoever comes next finds the number untold
        _tell(job, search, number, trials)
    return ENDED


def _tell(job: Job, search: Search, number: int, trials: list[Trial]) -> None:
    failed = any(job.folder.error(trial.name) for trial in trials)
    measured = [] if failed else [job.folder.measures(trial.name)["flat"] for trial in trials]
    for measures in measured:
        if search.objective not in measures:
            raise ValueError(f"--objective {search.objective} was not measured; there are {', '.join(measures)}")
    with opened(job.folder, search) as study:
        if failed:
            study.tell(number, state=_optuna().trial.TrialState.FAIL)
        else:
            study.tell(number, float(np.mean([float(measures[search.objective]) for measures in measured])))


def _orphan(study: optuna.Study, job: Job, held: ExitStack) -> tuple[int, Values] | None:
    """A number that was given out and is held by nobody any more."""
    for trial in given_out(study):
        if not trial.state.is_finished() and held.enter_context(job.folder.claim(f"number-{trial.number}", job.by)):
            return trial.number, values_of(trial)
    return None


def _ask(study: optuna.Study, search: Search, job: Job, held: ExitStack) -> tuple[int, Values] | None:
    """A new number, if any is left."""
    if len(given_out(study)) >= search.trials:
        return None
    for _ in range(MOST_EXCLUDED):
        trial = study.ask()
        values = _suggested(trial, search.experiment)
        if not search.excluded(values):
            held.enter_context(job.folder.claim(f"number-{trial.number}", job.by))
            trial.set_user_attr(VALUES, json.dumps(dict(values)))
            return trial.number, values
        study.tell(trial, state=_optuna().trial.TrialState.PRUNED)
    raise ValueError(f"exclude left out {MOST_EXCLUDED} combinations in a row; is anything left?")


def _suggested(trial: optuna.Trial, experiment: Experiment) -> Values:
    """A combination; axes under a condition are asked for where they apply."""
    conditions = {entry.axis for entry in experiment.only}
    values = {axis.field: _value(trial, axis) for axis in experiment.axes if axis.field not in conditions}
    for entry in experiment.only:
        axis = next(one for one in experiment.axes if one.field == entry.axis)
        probed = {**values, axis.field: axis.at(0.0)}
        if any(axis.field in experiment.applied(place, probed) for place in experiment.places()):
            values[axis.field] = _value(trial, axis)
    return values


def _value(trial: optuna.Trial, axis: Axis) -> Value:
    try:
        if isinstance(axis, Choices) or axis.range.points:
            plain = all(isinstance(value, PLAIN) for value in axis.grid())
            words: dict[Any, Value] = {(value if plain else repr(value)): value for value in axis.grid()}
            return words[trial.suggest_categorical(axis.field, list(words))]
        low, high, log, step = axis.range.low, axis.range.high, axis.range.log, axis.range.step
        if axis.whole:
            return trial.suggest_int(axis.field, int(low), int(high), log=log, step=int(step) or 1)
        return trial.suggest_float(axis.field, low, high, log=log, step=step or None)
    except ValueError as error:
        raise ValueError(
            f'axes."{axis.field}" was another when this search began ({error}); lists must stay as they are, or give '
            "another --out"
        ) from error


def given_out(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Numbers of the search with a combination that is not excluded."""
    return [trial for trial in study.get_trials(deepcopy=False) if VALUES in trial.user_attrs]


def values_of(trial: optuna.trial.FrozenTrial) -> Values:
    """The combination of a number."""
    return dict(json.loads(trial.user_attrs[VALUES]))


@contextmanager
def opened(folder: ExperimentFolder, search: Search) -> Iterator[optuna.Study]:
    """The search as it is now, for this process alone.

    Raises:
        ValueError: it was begun for another objective.
    """
    optuna = _optuna()
    with folder.hold(LOCK), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        _mend(folder.journal)
        storage = optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(str(folder.journal), lock_obj=_HeldAlready())
        )
        study = optuna.create_study(
            storage=storage, study_name="experiment", direction=search.direction, load_if_exists=True
        )
        seed = search.experiment.options.design_seed * 100_003 + len(study.get_trials(deepcopy=False))
        study.sampler = optuna.samplers.TPESampler(seed=seed % 2**32, constant_liar=True)
        goal = f"{search.direction} {search.objective}"
        begun = study.user_attrs.get(OBJECTIVE, goal)
        if begun != goal:
            raise ValueError(f"{folder.path} holds a search to {begun}, not to {goal}; give another --out")
        if OBJECTIVE not in study.user_attrs:
            study.set_user_attr(OBJECTIVE, goal)
        yield study


class _HeldAlready:
    """A lock for Optuna, which needs none: the journal is held, by a lock that ends with its process."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        return None


def _mend(journal: Path) -> None:
    """Cut off half a line, which a process left that was killed while it wrote."""
    if journal.exists():
        data = journal.read_bytes()
        if not data.endswith(b"\n"):
            os.truncate(journal, data.rfind(b"\n") + 1)


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise ValueError("--search optuna needs Optuna: pip install 'smalti[optuna]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
