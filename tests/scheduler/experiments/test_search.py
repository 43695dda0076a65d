"""Adaptive searches; trials are not run here but answered by a formula."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.experiments import search as searching
from smalti.scheduler.experiments.folder import ExperimentFolder, Measures
from smalti.scheduler.experiments.plan import Experiment
from smalti.scheduler.experiments.search import NOTHING, Search, Searching, given_out, opened, step, values_of
from smalti.scheduler.experiments.table import State
from smalti.scheduler.experiments.trials import Trial
from smalti.scheduler.experiments.workers.attempt import BUSY, ENDED, Job
from smalti.scheduler.experiments.workers.drive import drive

optuna = pytest.importorskip("optuna", reason="searches need the extra `optuna`")
Plan = Callable[[str], Experiment]
AXES = """
[axes]
"training.learning_rate" = { low = 1e-3, high = 1.0, log = true }
"growth.births" = { low = 1, high = 9 }
"growth.rule" = ["random", "tiny"]
"""


def nothing(path: Path) -> Measures:
    raise AssertionError("nobody measures here")


def accuracy(config: Config) -> float:
    return config.training.learning_rate + 0.01 * config.run.seed + (config.growth.rule == "tiny")


def answered(job: Job, trial: Trial) -> str:
    (job.folder.trials / trial.name).mkdir(exist_ok=True)
    flat = {"accuracy": accuracy(trial.config), "neurons": 3.0}
    job.folder.keep_measures(trial.name, {"flat": flat, "warnings": ""})
    return ENDED


@pytest.fixture(autouse=True)
def formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "attempt", answered)


@pytest.fixture
def job(folder: ExperimentFolder) -> Job:
    return Job.mine(folder, nothing, "me")


def values(folder: ExperimentFolder, search: Search) -> list[float | None]:
    with opened(folder, search) as study:
        return [trial.value for trial in given_out(study)]


def test_a_search_takes_so_many_trials_and_then_goes_on(
    plan: Plan, folder: ExperimentFolder, spread_here: Callable[..., Sequence[object]]
) -> None:
    experiment = plan("seeds = 2\n" + AXES)
    for trials in (6, 9):
        search = Search(experiment, trials, "accuracy", "maximize")
        work = Searching(search, folder)
        drive(work, folder, nothing, spread_here)
        assert work.left() == []
        assert len(work.known()) == work.total == 2 * trials
    state = State(folder, work.known, work.total)
    state.look()
    table = state.table()
    assert table["number"].tolist() == [number for number in range(9) for _ in range(2)]
    assert table["run.seed"].tolist() == [0, 1] * 9
    assert table["growth.births"].between(1, 9).all()
    means = table.groupby("number")["accuracy"].mean()
    assert values(folder, search) == pytest.approx(means.tolist())


def test_it_finds_what_is_better_than_chance(
    plan: Plan, folder: ExperimentFolder, spread_here: Callable[..., Sequence[object]]
) -> None:
    search = Search(plan(AXES), 40, "accuracy", "maximize")
    drive(Searching(search, folder), folder, nothing, spread_here)
    found = [value for value in values(folder, search) if value is not None]
    assert sum(found[20:]) > sum(found[:20]) + 5  # as many as 20 draws at random are worth 12 or so


def test_the_same_seed_searches_the_same_way(plan: Plan, tmp_path: Path) -> None:
    found = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        folder = ExperimentFolder(tmp_path / name).make("")
        search = Search(plan(f"design_seed = {seed}\n" + AXES), 12, "accuracy", "maximize")
        for _ in range(12):
            step(Job.mine(folder, nothing, "me"), search)
        found.append(values(folder, search))
    assert found[0] == found[1] != found[2]


def test_a_number_whose_worker_was_killed_goes_to_the_next(
    plan: Plan, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search(plan(AXES), 2, "accuracy", "maximize")

    def killed(job: Job, trial: Trial) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(searching, "attempt", killed)
    with pytest.raises(KeyboardInterrupt):
        step(job, search)
    monkeypatch.setattr(searching, "attempt", answered)
    with opened(job.folder, search) as study:
        (left,) = given_out(study)
    assert not left.state.is_finished()
    assert step(job, search) == ENDED
    with opened(job.folder, search) as study:
        (taken,) = given_out(study)
    assert (taken.number, values_of(taken)) == (left.number, values_of(left))
    assert taken.state == optuna.trial.TrialState.COMPLETE


def test_a_number_that_is_being_worked_at_is_left_alone(plan: Plan, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    search, inner = Search(plan(AXES), 2, "accuracy", "maximize"), list[str]()

    def busy(job: Job, trial: Trial) -> str:
        monkeypatch.setattr(searching, "attempt", answered)
        inner.extend(step(job, search) for _ in range(2))  # as two other workers would meanwhile
        return answered(job, trial)

    monkeypatch.setattr(searching, "attempt", busy)
    assert step(job, search) == ENDED
    assert inner == [ENDED, NOTHING]
    assert len(values(job.folder, search)) == 2


def test_a_trial_that_another_search_step_runs_stays_untold(
    plan: Plan, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search(plan(AXES), 1, "accuracy", "maximize")
    monkeypatch.setattr(searching, "attempt", lambda job, trial: BUSY)
    assert step(job, search) == BUSY
    assert values(job.folder, search) == [None]
    monkeypatch.setattr(searching, "attempt", answered)
    assert step(job, search) == ENDED
    assert step(job, search) == NOTHING


def test_failed_trials_count_and_are_told_as_such(plan: Plan, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(job: Job, trial: Trial) -> str:
        job.folder.keep_error(trial.name, "ValueError: no")
        return ENDED

    monkeypatch.setattr(searching, "attempt", fail)
    search = Search(plan(AXES), 2, "accuracy", "maximize")
    assert [step(job, search) for _ in range(3)] == [ENDED, ENDED, NOTHING]
    assert values(job.folder, search) == [None, None]
    assert Searching(search, job.folder).left() == []


def test_excluded_combinations_and_axes_that_do_not_apply(plan: Plan, job: Job) -> None:
    conditions = """
[[exclude]]
"growth.births" = [1, 2, 3, 4, 5]
[[only]]
axis = "training.learning_rate"
when = { "growth.rule" = "tiny" }
"""
    search = Search(plan(AXES + conditions), 12, "accuracy", "maximize")
    while step(job, search) != NOTHING:
        pass
    with opened(job.folder, search) as study:
        found = [values_of(trial) for trial in given_out(study)]
    assert len(found) == 12
    assert {one["growth.rule"] for one in found} == {"random", "tiny"}
    for one in found:
        assert int(str(one["growth.births"])) > 5
        assert ("training.learning_rate" in one) == (one["growth.rule"] == "tiny")


def test_half_a_line_left_by_a_killed_process_is_cut_off(plan: Plan, job: Job) -> None:
    search = Search(plan(AXES), 2, "accuracy", "maximize")
    step(job, search)
    with open(job.folder.journal, "ab") as file:
        file.write(b'{"op_code":4,"worker')
    step(job, search)
    assert len(values(job.folder, search)) == 2


def test_what_cannot_be_searched_for(plan: Plan, job: Job) -> None:
    experiment = plan(AXES)
    for objective in ("accuracy_class_test", "forgetting_class_test"):
        with pytest.raises(ValueError, match="choices are made on validation data"):
            Search(experiment, 1, objective, "maximize").check()
    with pytest.raises(ValueError, match=r"needs \[axes\]"):
        Search(plan("seeds = 1\n"), 1, "accuracy", "maximize").check()
    with pytest.raises(ValueError, match="--objective acuracy was not measured; there are accuracy, neurons"):
        step(job, Search(experiment, 1, "acuracy", "maximize"))
    with pytest.raises(ValueError, match="holds a search to maximize acuracy, not to minimize neurons"):
        step(job, Search(experiment, 1, "neurons", "minimize"))


def test_lists_must_stay_as_they_are(plan: Plan, job: Job) -> None:
    step(job, Search(plan(AXES), 2, "accuracy", "maximize"))
    other = plan(AXES.replace('"tiny"', '"mixed"'))
    with pytest.raises(ValueError, match=r'axes."growth.rule" was another when this search began'):
        step(job, Search(other, 2, "accuracy", "maximize"))


def test_what_failed_can_be_tried_again(
    plan: Plan, folder: ExperimentFolder, monkeypatch: pytest.MonkeyPatch, spread_here: Callable[..., Sequence[object]]
) -> None:
    def fail(job: Job, trial: Trial) -> str:
        job.folder.keep_error(trial.name, "ValueError: no")
        return ENDED

    work = Searching(Search(plan(AXES), 2, "accuracy", "maximize"), folder)
    monkeypatch.setattr(searching, "attempt", fail)
    drive(work, folder, nothing, spread_here)
    assert work.left() == []
    for name in work.known():
        folder.forget_error(name)
    monkeypatch.setattr(searching, "attempt", answered)
    assert sorted(work.left()) == sorted(work.known())
    drive(work, folder, nothing, spread_here)
    assert all(folder.finished(name) for name in work.known())
    assert len(work.known()) == 2


def test_a_number_runs_every_variant_on_every_stream(
    plan: Plan, folder: ExperimentFolder, spread_here: Callable[..., Sequence[object]]
) -> None:
    text = AXES + "[variants.a]\n[variants.b]\nrun.seed = 50\n[streams.x]\n[streams.y]\nstream.limit = 50\n"
    search = Search(plan(text), 3, "accuracy", "maximize")
    work = Searching(search, folder)
    drive(work, folder, nothing, spread_here)
    assert len(work.known()) == work.total == 3 * 4
    assert {(trial.cell.stream, trial.cell.variant) for trial in work.known().values()} == {
        (stream, variant) for stream in "xy" for variant in "ab"
    }
