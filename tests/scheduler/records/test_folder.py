from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from smalti.scheduler.records.folder import RunFolder, create_run, open_run
from smalti.scheduler.records.schema import SCHEMA_VERSION, TABLES
from smalti.scheduler.records.writer import TableWriter

MakeRows = Callable[..., list[dict[str, Any]]]
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("table", TABLES)
def test_every_table_opens_in_pandas_before_it_has_rows(run: RunFolder, table: str) -> None:
    for frame in (pd.read_parquet(run.folder(table)), run.read(table)):
        assert list(frame.columns) == [c.name for c in TABLES[table]]
        assert len(frame) == 0
    assert run.read_rows(table) == []


@pytest.mark.parametrize("place", ["seed=3/run", "_hidden/run", ".hidden/a=b"])
def test_odd_names_of_folders_change_nothing(tmp_path: Path, place: str, rows: MakeRows) -> None:
    run = create_run(tmp_path / place, config="", seed=0, threads=1)
    TableWriter(run).append("rounds", 0, rows("rounds", 0))
    (run.folder("rounds") / ".part-00001.parquet.tmp").write_bytes(b"half")
    for frame in (run.read("rounds"), pd.read_parquet(run.folder("rounds"))):
        assert list(frame.columns) == [c.name for c in TABLES["rounds"]]
        assert len(frame) == 1


def test_a_new_run_is_complete(run: RunFolder) -> None:
    assert sorted(os.listdir(run.path)) == ["checkpoint", "config.toml", "environment.json", "tables"]
    assert run.config.read_text(encoding="utf-8") == "[run]\nseed = 7\n"
    facts = json.loads((run.path / "environment.json").read_text(encoding="utf-8"))
    assert (facts["seed"], facts["threads"], facts["schema_version"]) == (7, 1, SCHEMA_VERSION)
    assert open_run(str(run.path)) == run
    assert run.checkpoint == run.path / "checkpoint" / "state.safetensors"


def test_creating_takes_an_empty_folder_and_refuses_any_other(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    create_run(tmp_path / "empty", config="", seed=0, threads=1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("important", encoding="utf-8")
    (tmp_path / "file").write_text("important", encoding="utf-8")
    for name in ("empty", "full", "file"):
        with pytest.raises(ValueError, match=f"{name} is taken; give another folder, delete that one, or resume"):
            create_run(tmp_path / name, config="", seed=0, threads=1)
    assert os.listdir(tmp_path / "full") == ["thesis.tex"]
    assert sorted(os.listdir(tmp_path)) == ["empty", "file", "full"]


def test_a_creation_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("smalti.scheduler.records.folder.write_text_atomic", fail)
    with pytest.raises(OSError, match="No space left"):
        create_run(tmp_path / "run", config="", seed=0, threads=1)
    assert os.listdir(tmp_path) == []


def test_who_comes_second_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process makes the same folder between the look and the rename."""
    rename = os.rename

    def overtaken(source: str, target: Path) -> None:
        target.mkdir()
        (target / "config.toml").touch()
        rename(source, target)

    monkeypatch.setattr(os, "rename", overtaken)
    with pytest.raises(ValueError, match="run is taken"):
        create_run(tmp_path / "run", config="", seed=0, threads=1)
    assert os.listdir(tmp_path) == ["run"]


def test_opening_refuses_what_is_no_run(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"absent is no run folder: it lacks config\.toml and environment\.json"):
        open_run(tmp_path / "absent")
    file = run.path / "environment.json"
    for text in ("{", "[]", "{}", '{"schema_version": "1"}'):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"environment\.json is damaged"):
            open_run(run.path)
    file.write_text(f'{{"schema_version": {SCHEMA_VERSION + 1}}}', encoding="utf-8")
    with pytest.raises(
        ValueError,
        match=f"written with schema {SCHEMA_VERSION + 1}, this smalti knows {SCHEMA_VERSION} at most; update it",
    ):
        open_run(run.path)
    file.unlink()
    with pytest.raises(ValueError, match=r"it lacks environment\.json"):
        open_run(run.path)


HOLDER = """
import sys
from smalti.scheduler.records.folder import open_run
with open_run(sys.argv[1]).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_only_one_process_holds_a_run_and_a_killed_one_lets_go(run: RunFolder) -> None:
    command = [sys.executable, "-c", HOLDER, str(run.path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match="in use by another smalti process"), run.lock():
            pass
        other.kill()
        other.wait()
        for _ in range(2):  # free again, also after an own lock
            with run.lock():
                pass
