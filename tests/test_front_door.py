"""``import smalti``: the names that users have, lazily, and every example in a docstring."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch

import smalti
from smalti.analysis.restored import restored
from smalti.scheduler.configuration.config_io import flatten
from smalti.scheduler.records.reserved import reserved
from smalti.scheduler.records.schema import APPENDED

ROOT = Path(__file__).resolve().parent.parent
NAMES = {
    *("Config", "FabricOptions", "NetworkOptions", "StreamOptions", "TrainingOptions", "GrowthOptions"),
    *("GatingOptions", "AuctionOptions", "RunOptions", "OptimiserOptions", "ContinualOptions", "NewbornOptions"),
    *("RewiringOptions", "DetectionOptions", "LearnedGateOptions", "KindOptions", "DevicesOptions"),
    *("run", "resume", "Simulation", "Run", "Runs", "load_run", "load_runs", "data"),
    *("GROWTH_RULES", "GATING", "STREAMS", "TIMINGS", "AMOUNTS", "PLACEMENTS", "DETECTORS", "METHODS"),
    "TECHNOLOGIES",
    *("GrowthRule", "Loaded", "__version__"),
}
Points = tuple[np.ndarray, np.ndarray]
EXAMPLES = (
    "smalti",
    "smalti.analysis.running",
    "smalti.analysis.runs",
    "smalti.scheduler.configuration.configure",
    "smalti.scheduler.streams.memory",
)


def test_the_public_names_are_these() -> None:
    assert set(smalti.__all__) == NAMES
    assert len(smalti.__all__) == len(NAMES)
    assert set(dir(smalti)) == NAMES
    for name in NAMES:
        assert getattr(smalti, name) is not None


def test_type_checkers_see_the_same_objects_as_programs() -> None:
    """What stands below TYPE_CHECKING is where the lazy import finds it."""
    tree = ast.parse((ROOT / "smalti" / "__init__.py").read_text(encoding="utf-8"))
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {}
    for line in checked.body:
        assert isinstance(line, ast.ImportFrom)
        module = importlib.import_module(str(line.module))
        for alias in line.names:
            seen[alias.asname or alias.name] = getattr(module, alias.name)
    assert set(seen) == NAMES - {"__version__"}
    assert all(getattr(smalti, name) is value for name, value in seen.items())


@pytest.mark.parametrize("called", [smalti.run, smalti.Simulation])
def test_arguments_do_not_hide_fields_or_sections_of_the_configuration(called: Callable[..., object]) -> None:
    names = {part for name in flatten(smalti.Config()) for part in name.split(".")}
    assert not names & set(inspect.signature(called).parameters)


def test_an_unknown_name_lists_those_that_there_are() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'simulate'.*Simulation"):
        smalti.simulate  # noqa: B018


def test_nothing_is_imported_before_it_is_used() -> None:
    code = "import sys, smalti; print(sorted({'torch', 'numpy', 'pandas', 'mesa', 'tyro'} & set(sys.modules)))"
    told = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run([sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_in_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module: ModuleType = importlib.import_module(name)
    failed, tried = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert tried > 0
    assert failed == 0


@pytest.fixture(scope="module")
def points(blobs: Path) -> Points:
    """Samples of four classes that are easily told apart."""
    with np.load(blobs) as file:
        return file["x"], file["y"]


@pytest.fixture(scope="module")
def blobs_run(points: Points, tmp_path_factory: pytest.TempPathFactory) -> smalti.Run:
    """A run of data in memory."""
    x, y = points
    out = tmp_path_factory.mktemp("front") / "blobs"
    return smalti.run(data=smalti.data.arrays(x, y), out=out, quick=True, rounds=3, wires=8, cols=2)


def test_a_run_writes_what_the_command_line_writes(
    blobs_run: smalti.Run, finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {path.name for path in blobs_run.path.iterdir()} - {"data.npz"} == {p.name for p in finished_run.iterdir()}
    assert blobs_run.table("rounds")["round"].tolist() == list(range(6))
    assert capsys.readouterr() == ("", "")  # no bar where nobody looks


def test_the_next_free_folder_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = smalti.run(quick=True, rounds=1, limit=3, **{"training.steps": 1, "stream.setting": "joint"})
    assert made.path == Path("runs/digits-joint-001")
    with reserved(Path("runs"), "digits-joint") as following:
        assert following.name == "digits-joint-002"
    assert made.config["training"]["steps"] == 1


def test_representations_say_where_what_and_how_far(blobs_run: smalti.Run) -> None:
    neurons, wires = blobs_run.table("rounds").iloc[-1][["neurons", "wires"]].astype(int)
    said = f"arrays, setting class; 6 of 6 rounds; {neurons} neurons, {wires} wires"
    assert repr(blobs_run) == f"<Run {blobs_run.path}: {said}>"
    page = blobs_run._repr_html_()
    assert said in page
    assert "<td>" in page


def test_a_summary_has_the_numbers_of_the_tables(blobs_run: smalti.Run) -> None:
    summary = blobs_run.summary()["value"]
    evaluations = blobs_run.table("evaluations")
    last = evaluations[(evaluations["after"] == 1) & (evaluations["split"] == "test")]
    told = last[last["setting"] == "task"]
    assert summary["accuracy, task-incremental (label given)"] == np.average(told["accuracy"], weights=told["samples"])
    assert summary["links"] == blobs_run.table("rounds")["links"].iloc[-1]


def test_predictions_of_the_training_data_are_mostly_right(blobs_run: smalti.Run, points: Points) -> None:
    x, y = points
    answers = blobs_run.predict(x, details=True)
    task = blobs_run.predict(x[y >= 2], task=1)
    assert (blobs_run.predict(x) == answers["class"]).all()
    assert set(task) <= {2, 3}
    assert (task == y[y >= 2]).mean() > 0.8
    assert set(answers["expert"]) <= {0, 1}
    assert (answers["spikes"] >= 0).all()
    assert (answers["name"] == answers["class"].astype(str)).all()


def test_predictions_agree_with_the_evaluation_of_the_run(blobs_run: smalti.Run) -> None:
    """The test set of the second task, asked as in the evaluation but with other spikes."""
    experience = restored(blobs_run).stream.experiences[1]
    evaluations = blobs_run.table("evaluations").set_index(["after", "on", "setting", "split"])["accuracy"]
    right = (blobs_run.predict(experience.test.x, task=1) == experience.test.y).mean()
    assert right == pytest.approx(evaluations[1, 1, "task", "test"], abs=0.25)
    assert (blobs_run.predict(torch.from_numpy(experience.test.x)) == blobs_run.predict(experience.test.x)).all()


@pytest.mark.parametrize(
    ("x", "task", "message"),
    [
        (np.zeros((2, 7)), None, "x has 7 features, the data of the run 8"),
        (np.zeros((2, 4, 8)), None, "x has 4 time steps, the run 25"),
        (np.full((2, 8), 2.0), None, r"x lies in 2\.\.2"),
        (np.full((2, 8), np.nan), None, "x holds NaN"),
        (np.zeros(8), None, r"x has shape \(8,\)"),
        (np.zeros((2, 8)), 5, r"task = 5 is none that the run has learned; those are \[0, 1\]"),
    ],
)
def test_samples_that_are_unfit_are_refused(
    blobs_run: smalti.Run, x: np.ndarray, task: int | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        blobs_run.predict(x, task=task)


def test_a_run_of_data_in_memory_can_be_moved_resumed_and_run_again(
    blobs_run: smalti.Run, points: Points, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(blobs_run.path, moved)
    (moved / "checkpoint" / "state.safetensors").unlink()  # as if killed before the first round was over
    for table in APPENDED:
        for part in (moved / "tables" / table).glob("part-0*"):
            part.unlink()
    resumed = smalti.resume(moved)
    again = smalti.run(blobs_run.path / "config.toml", out=tmp_path / "again")
    first = _timeless(blobs_run.table("rounds"))
    pd.testing.assert_frame_equal(_timeless(resumed.table("rounds")), first)
    pd.testing.assert_frame_equal(_timeless(again.table("rounds")), first)
    x, _ = points
    assert (resumed.predict(x) == blobs_run.predict(x)).all()


@pytest.mark.parametrize("other", [{"name": "mnist"}, {"name": "arrays", "path": "mine.npz"}])
def test_data_and_the_name_of_other_data_do_not_go_together(
    points: Points, other: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"stream.name = '{other['name']}' names other data than is given"):
        smalti.run(data=smalti.data.arrays(*points), stream=other, out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_other_data_in_the_folder_are_noticed(blobs_run: smalti.Run, points: Points, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(blobs_run.path, changed)
    x, y = points
    (changed / "data.npz").write_bytes(smalti.data.arrays(x, y[::-1]).dump())
    with pytest.raises(ValueError, match=r"data\.npz was changed since the run began"):
        smalti.resume(changed)
    with pytest.raises(ValueError, match=r"data\.npz was changed since the run began"):
        smalti.load_run(changed).predict(x)


def _timeless(table: pd.DataFrame) -> pd.DataFrame:
    return table[[column for column in table.columns if not column.startswith("seconds")]]
