"""Driving with workers that die, are busy, or never begin: all of it played in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.experiments.folder import ExperimentFolder, Measures
from smalti.scheduler.experiments.plan import Cell
from smalti.scheduler.experiments.trials import Trial
from smalti.scheduler.experiments.workers import drive as driving
from smalti.scheduler.experiments.workers.attempt import BUSY, ENDED, Job
from smalti.scheduler.experiments.workers.backends import Task, WorkersDied
from smalti.scheduler.experiments.workers.drive import DEATHS, Listed, drive

Played = Callable[[Job, str], str]


def nothing(path: Path) -> Measures:
    raise AssertionError("nobody measures here")


def listed(folder: ExperimentFolder, *names: str) -> Listed:
    return Listed(folder, {name: Trial(name, Config(), Cell(), {}) for name in names})


def finish(job: Job, name: str) -> str:
    (job.folder.trials / name).mkdir(exist_ok=True)
    job.folder.keep_measures(name, {"accuracy": 1.0})
    return ENDED


def die(job: Job, name: str) -> str:
    with job.folder.claim(name, job.by):
        raise WorkersDied("killed")


def played(by: Played, log: list[list[str]]) -> Callable[..., Sequence[object]]:
    """A spread whose tasks are played by a function; the names of every pass are logged."""

    def spread(tasks: Iterable[Task], at_a_time: int = 0) -> Sequence[object]:
        given = [(args[0], args[1].name) for _, args, _ in tasks]
        log.append([name for _, name in given])
        return [by(job, name) for job, name in given]

    return spread


def test_all_that_has_not_ended_is_handed_out_once(folder: ExperimentFolder) -> None:
    log: list[list[str]] = []
    folder.keep_error("b", "ValueError: no")
    drive(listed(folder, "a", "b", "c"), folder, nothing, played(finish, log))
    assert log == [["a", "c"]]


def test_a_trial_whose_worker_dies_again_and_again_is_given_up_alone(folder: ExperimentFolder) -> None:
    """The innocent ones go on; the last time it runs alone, so that it is known who is to blame."""
    log: list[list[str]] = []

    def play(job: Job, name: str) -> str:
        return die(job, name) if name == "bad" else finish(job, name)

    drive(listed(folder, "a", "bad", "z"), folder, nothing, played(play, log))
    assert log == [["a", "bad", "z"], ["bad", "z"], ["bad"], ["z"]]
    assert folder.error("bad") == f"WorkerDied: its worker was killed {DEATHS} times in round 0 (out of memory?)"
    assert folder.finished("a")
    assert folder.finished("z")


def test_a_trial_that_gets_on_between_deaths_is_not_given_up(folder: ExperimentFolder) -> None:
    def play(job: Job, name: str) -> str:
        rounds = folder.trials / name / "tables" / "rounds"
        rounds.mkdir(parents=True, exist_ok=True)
        done = folder.rounds(name)
        if done == 2 * DEATHS:
            return finish(job, name)
        with folder.claim(name, job.by):
            pd.DataFrame({"round": [done]}).to_parquet(rounds / f"part-{done:05d}.parquet")
            raise WorkersDied("killed")

    drive(listed(folder, "a"), folder, nothing, played(play, []))
    assert folder.finished("a")


def test_the_death_of_a_worker_of_another_command_is_not_blamed(folder: ExperimentFolder) -> None:
    passes: list[list[str]] = []

    def play(job: Job, name: str) -> str:
        if len(passes) <= DEATHS and name == "b":
            return die(job, name)
        return BUSY if len(passes) <= DEATHS else finish(job, name)

    (folder.path / "claims" / "a").write_text(json.dumps({"by": "another", "rounds": 0}))
    drive(listed(folder, "a", "b"), folder, nothing, played(play, passes))
    assert not folder.error("a")
    assert folder.error("b")


def test_what_others_run_is_waited_for(folder: ExperimentFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(driving.time, "sleep", pauses.append)
    drive(
        listed(folder, "a"),
        folder,
        nothing,
        played(lambda job, name: finish(job, name) if len(pauses) > 2 else BUSY, []),
    )
    assert len(pauses) == 3


def test_workers_that_never_begin_end_it(folder: ExperimentFolder) -> None:
    def play(job: Job, name: str) -> str:
        raise WorkersDied("no space left")

    with pytest.raises(ValueError, match="workers die before they begin a trial: no space left"):
        drive(listed(folder, "a"), folder, nothing, played(play, []))


def test_what_follows_another_waits_until_that_has_ended(folder: ExperimentFolder) -> None:
    log: list[list[str]] = []
    trials = {
        name: Trial(name, Config(), Cell(), {}, leader=leader)
        for name, leader in (("late", "b"), ("a", ""), ("b", ""), ("later", "a"))
    }
    drive(Listed(folder, trials), folder, nothing, played(finish, log))
    assert log == [["a", "b"], ["late", "later"]]
