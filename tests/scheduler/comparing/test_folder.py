from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from smalti.scheduler.comparing import folder as module
from smalti.scheduler.comparing.folder import ComparisonFolder, open_comparison
from smalti.scheduler.config import RunOptions
from smalti.scheduler.config_io import load
from smalti.scheduler.experiments.student_teacher import StudentTeacherOptions

SETTINGS = StudentTeacherOptions(teachers=2, points=50)
TABLES = {"differences": pd.DataFrame({"a": [1.5]}), "outcomes": pd.DataFrame({"b": ["x", "y"]})}


def opened(path: Path, settings: StudentTeacherOptions = SETTINGS) -> ComparisonFolder:
    return open_comparison(path, settings, seed=7, threads=1)


def test_a_new_folder_holds_settings_and_environment_and_is_not_finished(tmp_path: Path) -> None:
    folder = opened(tmp_path / "deep" / "new")
    assert load(StudentTeacherOptions, folder.path / "comparison.toml") == SETTINGS
    assert json.loads((folder.path / "environment.json").read_text())["seed"] == 7
    assert not folder.finished
    assert not opened(folder.path).finished


def test_tables_come_back_and_finish_the_folder(tmp_path: Path) -> None:
    opened(tmp_path).write(TABLES)
    folder = opened(tmp_path)
    assert folder.finished
    for name, table in TABLES.items():
        pd.testing.assert_frame_equal(folder.read(name), table)
    assert not list(tmp_path.glob(".*"))


def test_a_folder_whose_writing_was_stopped_is_not_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(path: Path, data: bytes) -> None:
        raise KeyboardInterrupt if path.name == "differences.parquet" else AssertionError(path)

    folder = opened(tmp_path)
    folder.write({"outcomes": TABLES["outcomes"]})
    monkeypatch.setattr(module, "write_bytes_atomic", stop)
    with pytest.raises(AssertionError, match=r"outcomes\.parquet"):  # the last one is not written first
        folder.write(TABLES)
    with pytest.raises(KeyboardInterrupt):
        folder.write({"differences": TABLES["differences"]})
    assert not opened(tmp_path).finished


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    opened(tmp_path)
    with pytest.raises(ValueError, match=r"holds a comparison with other settings \(points = 50\); give another --out"):
        opened(tmp_path, StudentTeacherOptions(teachers=2, points=60))
    with pytest.raises(ValueError, match="holds another comparison"):
        open_comparison(tmp_path, RunOptions(), seed=0, threads=1)


def test_what_is_no_comparison_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for path in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(ValueError, match="is taken; give another --out"):
            opened(path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
