from __future__ import annotations

import time

import pandas as pd
import pytest

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.experiments.folder import ExperimentFolder
from smalti.scheduler.experiments.plan import Cell
from smalti.scheduler.experiments.table import State
from smalti.scheduler.experiments.trials import Trial
from smalti.scheduler.experiments.workers import watch
from smalti.scheduler.experiments.workers.watch import watched

TRIALS = {
    name: Trial(name, Config(), Cell(), {"growth.births": number, "stream.order": (number, 0)})
    for number, name in enumerate(("done", "failed", "begun", "waiting"))
}


@pytest.fixture
def state(folder: ExperimentFolder) -> State:
    for name in ("done", "begun"):
        (folder.trials / name).mkdir()
    folder.keep_measures("done", {"flat": {"accuracy": 0.75, "neurons": 12.0}, "warnings": "few steps"})
    folder.keep_error("failed", "Traceback\nValueError: no")
    return State(folder, lambda: TRIALS, len(TRIALS))


def test_a_row_for_every_trial_whatever_has_become_of_it(state: State) -> None:
    assert state.look()
    assert not state.look()
    state.write(at_once=True)
    table = pd.read_parquet(state.folder.table)
    assert list(table["trial"]) == list(table["status"]) == list(TRIALS)
    assert list(table.columns) == [
        "trial", "status", "error", "growth.births", "stream.order", "accuracy", "neurons", "warnings"
    ]  # fmt: skip
    assert list(table["error"]) == ["", "ValueError: no", "", ""]
    assert list(table["growth.births"]) == [0, 1, 2, 3]
    assert [list(order) for order in table["stream.order"]] == [[0, 0], [1, 0], [2, 0], [3, 0]]
    assert table["accuracy"].tolist()[0] == 0.75
    assert table["accuracy"].isna().tolist() == [False, True, True, True]
    assert table["neurons"][0] == 12
    assert state.ended == 2


def statuses(state: State) -> list[str]:
    """Of one version of the table: given a path, pandas would open it twice, and a new one may come between."""
    with state.folder.table.open("rb") as file:
        return list(pd.read_parquet(file)["status"])


def test_an_experiment_is_followed_while_it_goes_on(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "INTERVAL", 0.01)
    monkeypatch.setattr("smalti.scheduler.experiments.table.REST", 0.0)
    told: list[int] = []
    with watched(state, lambda state: told.append(state.ended)):
        assert statuses(state) == list(TRIALS)
        state.folder.keep_measures("begun", {"flat": {"accuracy": 0.5, "neurons": 1.0}, "warnings": ""})
        deadline = time.monotonic() + 20
        while statuses(state).count("done") < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        state.folder.keep_error("waiting", "ValueError: neither")
    assert statuses(state) == ["done", "failed", "done", "failed"]
    assert (told[0], told[-1]) == (2, 4)


def test_what_goes_wrong_while_following_is_told_at_the_end(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "INTERVAL", 0.001)
    calls: list[int] = []

    def tell(state: State) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("no terminal")

    def follow() -> None:
        with watched(state, tell):
            while len(calls) < 2:
                time.sleep(0.001)

    with pytest.raises(RuntimeError, match="no terminal"):
        follow()


def test_streams_and_variants_have_columns_where_there_are_some(folder: ExperimentFolder) -> None:
    trials = {"one": Trial("one", Config(), Cell("speech", "static"), {})}
    state = State(folder, lambda: trials, 1)
    state.look()
    assert state.table()[["stream", "variant"]].values.tolist() == [["speech", "static"]]
