from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.experiments.running import run_all, run_trial
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


def test_paths_may_move(tiny: MakeConfig, tmp_path: Path, blobs: Path) -> None:
    run_trial(tiny(), tmp_path / "one")
    (tmp_path / "moved.npz").write_bytes(blobs.read_bytes())
    run_trial(tiny(stream={"path": str(tmp_path / "moved.npz")}), tmp_path / "one")


@pytest.mark.filterwarnings("ignore:this chip has room for 1 of 2 experts")
def test_a_failing_run_is_reported_and_the_others_finish(tiny: MakeConfig, tmp_path: Path, finished_run: Path) -> None:
    dear = tiny(auction={"slot_price": 9.0})
    told: dict[str, str] = {}
    assert run_all({"good": tiny(), "bad": dear}, tmp_path, told.__setitem__, workers=1) == ["bad"]
    assert "the price of a seed is above its value" in told["bad"]
    assert told["good"] == "done"
    pd.testing.assert_frame_equal(rounds(tmp_path / "good"), rounds(finished_run), check_exact=True)
