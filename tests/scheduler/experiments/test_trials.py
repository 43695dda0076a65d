from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from smalti.scheduler.config import Config
from smalti.scheduler.experiments import trials
from smalti.scheduler.experiments.trials import is_finished, run_trial, run_trials
from smalti.scheduler.runner import start
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]


class Stop(Exception):
    """Ends a run from its watcher."""


def stop_after_two_rounds(simulation: Simulation) -> None:
    if simulation.round == 2:
        raise Stop


def rounds(path: Path) -> pd.DataFrame:
    table = pd.read_parquet(path / "tables" / "rounds")
    return table[[c for c in table.columns if not c.startswith("seconds")]]


def test_a_trial_is_run_then_skipped(tiny: MakeConfig, tmp_path: Path) -> None:
    run_trial(tiny(), tmp_path / "one")
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "one").rglob("*") if p.is_file() and p.name != ".lock"}
    run_trial(tiny(), tmp_path / "one")
    assert {p: p.stat().st_mtime_ns for p in files} == files


def test_a_trial_that_was_stopped_is_resumed(tiny: MakeConfig, tmp_path: Path, finished_run: Path) -> None:
    with pytest.raises(Stop):
        start(tiny(), tmp_path / "one", stop_after_two_rounds)
    assert len(rounds(tmp_path / "one")) == 2
    run_trial(tiny(), tmp_path / "one")
    pd.testing.assert_frame_equal(rounds(tmp_path / "one"), rounds(finished_run), check_exact=True)


def test_a_folder_of_another_configuration_is_refused(tiny: MakeConfig, tmp_path: Path) -> None:
    run_trial(tiny(), tmp_path / "one")
    with pytest.raises(ValueError, match=r"another configuration \(differs in growth\.rule\)"):
        run_trial(tiny(growth={"rule": "random"}), tmp_path / "one")


def test_a_failing_trial_is_reported_and_the_others_finish(
    tiny: MakeConfig, tmp_path: Path, finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "RUNS_PER_PROCESS", 1)  # a pool for each of them
    broken = tiny(fabric={"neurons_per_tile": 2})
    told: dict[str, str] = {}
    failed = run_trials({"good": tiny(), "bad": broken}, tmp_path, told.__setitem__, workers=1)
    assert failed.keys() == {"bad"}
    assert "2 classes need more output slots" in failed["bad"]
    assert told == {"good": "done", "bad": failed["bad"]}
    assert not (tmp_path / "bad").exists()
    pd.testing.assert_frame_equal(rounds(tmp_path / "good"), rounds(finished_run), check_exact=True)


def test_finished_trials_need_no_process(tiny: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_trial(tiny(), tmp_path / "one")
    monkeypatch.setattr(trials, "ProcessPoolExecutor", None)
    told: dict[str, str] = {}
    assert run_trials({"one": tiny()}, tmp_path, told.__setitem__) == {}
    assert told == {"one": "done"}
    assert not is_finished(tiny(growth={"rule": "random"}), tmp_path / "one")
    assert not is_finished(tiny(), tmp_path / "two")
