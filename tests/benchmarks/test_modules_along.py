from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from benchmarks.modules_along import FORMATS, main, measure, phases, view, weights
from smalti.analysis.chip import modules
from smalti.analysis.runs import load_run
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.runner import start


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an experiment of two runs, of which one has failed."""
    folder = tmp_path_factory.mktemp("experiment")
    options = {
        "stream.setting": "joint",
        "stream.cognitive.tasks": ("fdgo", "dm1"),
        "stream.cognitive.trials": 32,
        "gating.network": "label",
        "gating.experts": "shared",
        "gating.protect": False,
        "fabric": {"rows": 1, "cols": 2, "neurons_per_tile": 8},
        "training": {"rounds": 4, "steps": 5, "restarts": (), "validate": True},
        "growth": {"when": "never", "reach": "chip", "seed_width": 4, "sibling_weight": 1.0},
        "growth.reuse.by": "none",
        "run.snapshots": 1,
    }
    start(configure("cognitive", options), folder / "trials" / "one", lambda simulation: None)
    rows = {"trial": ["one", "two"], "status": ["done", "failed"], "variant": "l1"}
    pd.DataFrame(rows).to_parquet(folder / "trials.parquet")
    return folder


def test_every_moment_of_finished_trials_is_measured(experiment: Path) -> None:
    table = measure(experiment)
    alone = modules.along(load_run(experiment / "trials" / "one"))
    pd.testing.assert_frame_equal(table[alone.columns], alone)
    assert table["round"].tolist() == [0, 1, 2, 3]
    assert table["validation"].notna().all()
    assert set(table["variant"]) == {"l1"}


def test_a_neuron_that_most_weight_enters_is_told_and_left_out_of_account(
    experiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two pairs that drive each other, one of them a hundredfold: alike, Q = 1/2, and -1/2 for both other pairings."""
    weight = np.zeros((4, 4))
    weight[0, 1] = weight[1, 0] = weight[2, 3] = 1.0
    weight[3, 2] = 97.0
    monkeypatch.setattr(modules, "clusters", lambda run: pd.Series([0, 0, 1, 1]))
    monkeypatch.setattr(modules, "weight_between", lambda network, neurons: weight)
    found = weights(load_run(experiment / "trials" / "one"))
    assert found["heaviest"] == pytest.approx(0.97)
    assert found["wiring_alike"] == pytest.approx(0.5 + 1 / 6, abs=0.1)
    monkeypatch.setattr(modules, "clusters", lambda run: pd.Series([0, 0, 0, 0]))
    assert np.isnan(weights(load_run(experiment / "trials" / "one"))["heaviest"])


def test_the_table_and_the_picture_are_written(experiment: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    main(experiment, tmp_path / "modules.svg")
    assert len(pd.read_parquet(experiment / "along.parquet")) == 4
    assert "functional" in (tmp_path / "modules.svg").read_text()


def test_rounds_have_phases() -> None:
    assert phases(pd.Series(range(16))).tolist() == ["0 to 2"] * 3 + ["3 to 7"] * 5 + ["8 to 15"] * 8
    assert phases(pd.Series(range(4))).tolist() == ["0 to 2"] * 3 + ["3 to 3"]


def test_runs_weigh_alike_in_the_means_of_a_phase() -> None:
    """A run of two rounds and one of a single one: (mean of 1 and 3 + 6) / 2."""
    table = pd.DataFrame({"variant": "l1", "trial": ["a", "a", "b"], "round": [0, 1, 0]})
    known = {"taking_part": [1.0, 3.0, 6.0], "validation": [0.25, 0.5, 0.5]}
    table = table.assign(**dict.fromkeys(FORMATS, np.nan) | known)
    console = Console(width=200)
    with console.capture() as capture:
        console.print(view(table))
    (row,) = (line for line in capture.get().splitlines() if "l1" in line)
    cells = [cell.strip() for cell in row.strip("\u2502").split("\u2502")]
    assert cells[:4] == ["l1", "0 to 1", "2", "0.438"]
    assert cells[7] == "4"
    assert len(cells) == 3 + len(FORMATS)


def test_where_nothing_has_finished_it_says_how_to_go_on(tmp_path: Path) -> None:
    pd.DataFrame({"trial": ["one"], "status": ["failed"]}).to_parquet(tmp_path / "trials.parquet")
    with pytest.raises(ValueError, match="smalti compare wiring-training --out"):
        measure(tmp_path)
