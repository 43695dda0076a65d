from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from smalti.scheduler.records.folder import RunFolder, create_run, open_run
from smalti.scheduler.records.schema import APPENDED, BOOL, FLOAT, INTS, REWRITTEN, SCHEMA_VERSION, TABLES, TEXT, Column

ROOT = Path(__file__).resolve().parents[2]


def sample(column: Column, number: int) -> Any:
    if column.nullable:
        return None if number % 2 else number
    made = {FLOAT: number + 0.1, TEXT: f"é{number}", BOOL: number % 2 == 0, INTS: list(range(number % 3))}
    return made.get(column.dtype, number)


def rows(table: str, *numbers: int) -> list[dict[str, Any]]:
    return [{c.name: sample(c, n) for c in TABLES[table]} for n in numbers]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path / "run", config="[run]\nseed = 7\n", seed=7, threads=1)


@pytest.mark.parametrize("table", TABLES)
def test_every_table_opens_in_pandas_before_it_has_rows(run: RunFolder, table: str) -> None:
    for frame in (pd.read_parquet(run.folder(table)), run.read(table)):
        assert list(frame.columns) == [c.name for c in TABLES[table]]
        assert len(frame) == 0
    assert run.read_rows(table) == []


@pytest.mark.parametrize("table", APPENDED)
def test_parts_are_read_in_the_order_of_their_rounds(run: RunFolder, table: str) -> None:
    for number in (12, 0, 3, 100_000):
        run.append(table, number, rows(table, number, number))
    assert (run.folder(table) / "part-00012.parquet").is_file()
    assert run.read_rows(table) == rows(table, 0, 0, 3, 3, 12, 12, 100_000, 100_000)
    whole = pd.read_parquet(run.folder(table))
    pd.testing.assert_frame_equal(whole.iloc[:4], run.read(table).iloc[:4])
    assert len(whole) == 8


@pytest.mark.parametrize("table", REWRITTEN)
def test_rewritten_tables_keep_only_the_last_rows(run: RunFolder, table: str) -> None:
    run.rewrite(table, rows(table, 0, 1, 2))
    run.rewrite(table, rows(table, 0, 1))
    assert run.read_rows(table) == rows(table, 0, 1)
    assert os.listdir(run.folder(table)) == ["part-00000.parquet"]


def test_integers_with_nulls_stay_integers_in_pandas(run: RunFolder) -> None:
    run.rewrite("neurons", rows("neurons", 0, 1))
    retired = pd.read_parquet(run.folder("neurons"))["retired_round"]
    assert retired.dtype == pd.Int32Dtype()
    assert retired.isna().tolist() == [False, True]


def test_no_rows_make_no_part(run: RunFolder) -> None:
    run.append("bids", 0, [])
    assert os.listdir(run.folder("bids")) == ["part-initial.parquet"]


def test_rows_that_do_not_fit_leave_nothing_behind(run: RunFolder) -> None:
    run.rewrite("links", rows("links", 1))
    for wrong in ({"loss": "low"}, {"more": 1}):
        with pytest.raises(ValueError, match=f"rounds.*{next(iter(wrong))}"):
            run.append("rounds", 0, [rows("rounds", 0)[0] | wrong])
    with pytest.raises(ValueError, match=r"links\.hops"):
        run.rewrite("links", [rows("links", 1)[0] | {"hops": None}])
    assert os.listdir(run.folder("rounds")) == ["part-initial.parquet"]
    assert run.read_rows("links") == rows("links", 1)


def test_a_round_is_written_once(run: RunFolder) -> None:
    run.append("rounds", 4, rows("rounds", 4))
    with pytest.raises(ValueError, match=r"part-00004\.parquet exists"):
        run.append("rounds", 4, rows("rounds", 5))
    assert run.read_rows("rounds") == rows("rounds", 4)


def test_wrong_table_or_round(run: RunFolder) -> None:
    with pytest.raises(ValueError, match="'links' is no table that grows by parts; those are rounds, bids"):
        run.append("links", 0, rows("links", 0))
    with pytest.raises(ValueError, match="'rounds' is no table that is rewritten; those are neurons, links"):
        run.rewrite("rounds", rows("rounds", 0))
    with pytest.raises(ValueError, match="round -1 is negative"):
        run.append("rounds", -1, rows("rounds", 0))


def test_dropping_removes_later_parts_and_leftovers_only(run: RunFolder) -> None:
    for table in APPENDED:
        for number in range(4):
            run.append(table, number, rows(table, number))
    run.rewrite("neurons", rows("neurons", 3))
    (run.folder("ports") / ".part-00004.parquet.tmp").write_bytes(b"half")
    (run.folder("links") / ".part-00000.parquet.tmp").write_bytes(b"half")
    run.drop_after(1)
    for table in APPENDED:
        assert run.read_rows(table) == rows(table, 0, 1)
    assert run.read_rows("neurons") == rows("neurons", 3)
    assert not list(run.path.rglob("*.tmp"))
    run.append("rounds", 2, rows("rounds", 2))
    run.drop_after(-1)
    for table in APPENDED:
        assert os.listdir(run.folder(table)) == ["part-initial.parquet"]
        assert len(pd.read_parquet(run.folder(table))) == 0


@pytest.mark.parametrize("place", ["seed=3/run", "_hidden/run", ".hidden/a=b"])
def test_odd_names_of_folders_change_nothing(tmp_path: Path, place: str) -> None:
    run = create_run(tmp_path / place, config="", seed=0, threads=1)
    run.append("rounds", 0, rows("rounds", 0))
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
