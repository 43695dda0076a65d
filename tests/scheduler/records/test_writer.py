from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from smalti.scheduler.records import writer
from smalti.scheduler.records.folder import RunFolder
from smalti.scheduler.records.schema import APPENDED, REWRITTEN
from smalti.scheduler.records.writer import TableWriter, check_written, drop_in_hand

MakeRows = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def tables(run: RunFolder) -> TableWriter:
    return TableWriter(run)


def parts(run: RunFolder, table: str) -> list[str]:
    return sorted(os.listdir(run.folder(table)))


@pytest.mark.parametrize("table", APPENDED)
def test_tables_grow_in_few_parts(
    run: RunFolder, tables: TableWriter, rows: MakeRows, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ROUNDS", 10)
    for number in range(0, 25, 2):
        tables.append(table, number, rows(table, number, number))
        assert run.read_rows(table) == rows(table, *sorted([*range(0, number + 1, 2)] * 2))
    names = ["part-00000.parquet", "part-00010.parquet", "part-00020.parquet", "part-initial.parquet"]
    assert parts(run, table) == names
    whole = pd.read_parquet(run.folder(table))
    pd.testing.assert_frame_equal(whole, run.read(table))
    assert len(whole) == 26


def test_a_part_with_many_rows_is_closed(
    run: RunFolder, tables: TableWriter, rows: MakeRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ROWS", 5)
    for number in range(4):
        tables.append("ports", number, rows("ports", *[number] * 3))
    assert parts(run, "ports") == ["part-00000.parquet", "part-00002.parquet", "part-initial.parquet"]


def test_rounds_done_are_counted_and_single_rounds_read(
    run: RunFolder, tables: TableWriter, rows: MakeRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ROUNDS", 3)
    assert run.rounds_done() == 0
    assert run.rounds_in("ports") == set()
    for number in range(8):
        tables.append("rounds", number, rows("rounds", number))
        tables.append("ports", number, rows("ports", number, number))
    assert run.rounds_done() == 8
    assert run.rounds_in("ports") == set(range(8))
    for number in (0, 4, 7):
        assert run.read_round("ports", number).to_pylist() == rows("ports", number, number)


@pytest.mark.parametrize("table", REWRITTEN)
def test_rewritten_tables_keep_only_the_last_rows(
    run: RunFolder, tables: TableWriter, rows: MakeRows, table: str
) -> None:
    tables.rewrite(table, rows(table, 0, 1, 2))
    tables.rewrite(table, rows(table, 0, 1))
    assert run.read_rows(table) == rows(table, 0, 1)
    assert parts(run, table) == ["part-00000.parquet"]


def test_integers_with_nulls_stay_integers_in_pandas(run: RunFolder, tables: TableWriter, rows: MakeRows) -> None:
    for numbers in ((0,), (0, 1)):
        tables.rewrite("neurons", rows("neurons", *numbers))
    retired = pd.read_parquet(run.folder("neurons"))["retired_round"]
    assert retired.dtype == pd.Int32Dtype()
    assert retired.isna().tolist() == [False, True]


def test_no_rows_make_no_part(run: RunFolder, tables: TableWriter) -> None:
    tables.append("bids", 0, [])
    assert parts(run, "bids") == ["part-initial.parquet"]


def test_rows_that_do_not_fit_leave_nothing_behind(run: RunFolder, tables: TableWriter, rows: MakeRows) -> None:
    tables.rewrite("links", rows("links", 1))
    for wrong in ({"loss": "low"}, {"more": 1}):
        with pytest.raises(ValueError, match=f"rounds.*{next(iter(wrong))}"):
            tables.append("rounds", 0, [rows("rounds", 0)[0] | wrong])
    with pytest.raises(ValueError, match=r"links\.hops"):
        tables.rewrite("links", [rows("links", 1)[0] | {"hops": None}])
    assert parts(run, "rounds") == ["part-initial.parquet"]
    assert run.read_rows("links") == rows("links", 1)


def test_wrong_table_or_round(tables: TableWriter, rows: MakeRows) -> None:
    with pytest.raises(ValueError, match="'links' is no table that grows by parts; those are rounds, bids"):
        tables.append("links", 0, rows("links", 0))
    with pytest.raises(ValueError, match="'rounds' is no table that is rewritten; those are neurons, links"):
        tables.rewrite("rounds", rows("rounds", 0))
    with pytest.raises(ValueError, match="round -1 is negative"):
        tables.append("rounds", -1, rows("rounds", 0))


@pytest.fixture
def six(run: RunFolder, rows: MakeRows, monkeypatch: pytest.MonkeyPatch) -> tuple[RunFolder, Any]:
    """A folder with rounds 0 to 5 in parts of four rounds, and what was written."""
    monkeypatch.setattr(writer, "ROUNDS", 4)
    tables = TableWriter(run)
    for number in range(6):
        for table in APPENDED:
            tables.append(table, number, rows(table, number))
    tables.rewrite("neurons", rows("neurons", 0, 1))
    tables.rewrite("links", rows("links", 0, 1))
    return run, {table: dict(known) for table, known in tables.written.items()}


def test_what_was_written_is_found_again_and_the_round_in_hand_dropped(
    six: tuple[RunFolder, Any], rows: MakeRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, written = six
    check_written(run, written, 6)
    ahead = TableWriter(run, written)  # killed in round 6, before its checkpoint
    ahead.append("rounds", 6, rows("rounds", 6))
    ahead.rewrite("links", rows("links", 0, 1, 2))
    with monkeypatch.context() as patch:
        patch.setattr(writer, "ROUNDS", 2)
        TableWriter(run, written).append("bids", 6, rows("bids", 6))  # begins a part
    (run.folder("links") / ".part-00000.parquet.tmp").write_bytes(b"half")
    check_written(run, written, 6)
    drop_in_hand(run, written)
    assert not list(run.path.rglob("*.tmp"))
    assert parts(run, "bids") == ["part-00000.parquet", "part-00004.parquet", "part-initial.parquet"]
    again = TableWriter(run, written)
    again.append("rounds", 6, rows("rounds", 7))
    assert run.read_rows("rounds") == rows("rounds", 0, 1, 2, 3, 4, 5, 7)


def test_before_the_first_checkpoint_all_rows_are_dropped(six: tuple[RunFolder, Any]) -> None:
    run, _ = six
    drop_in_hand(run, None)
    for table in APPENDED:
        assert parts(run, table) == ["part-initial.parquet"]
        assert len(pd.read_parquet(run.folder(table))) == 0


@pytest.mark.parametrize("table", [*APPENDED, *REWRITTEN])
def test_a_missing_part_is_named(six: tuple[RunFolder, Any], table: str) -> None:
    run, written = six
    (run.folder(table) / "part-00000.parquet").unlink()
    with pytest.raises(ValueError, match=rf"{table}/part-00000\.parquet is missing.* restore it from a copy"):
        check_written(run, written, 6)


@pytest.mark.parametrize("name", ["part-00000 (copy).parquet", "part-00003.parquet", "part-00007.parquet", "a.parquet"])
def test_a_part_of_others_is_named(six: tuple[RunFolder, Any], name: str) -> None:
    run, written = six
    shutil.copy(run.folder("rounds") / "part-00000.parquet", run.folder("rounds") / name)
    with pytest.raises(ValueError, match=r"rounds/.* was not written by this run.* move it away"):
        check_written(run, written, 6)


@pytest.mark.parametrize("table", ["rounds", "ports", "neurons", "links"])
def test_flipped_bytes_are_found_wherever_they_are(six: tuple[RunFolder, Any], table: str) -> None:
    run, written = six
    file = run.folder(table) / "part-00000.parquet"
    data = file.read_bytes()
    for place in range(0, len(data), max(1, len(data) // 40)):
        file.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        with pytest.raises(ValueError, match=r"part-00000\.parquet (is damaged|was changed)"):
            check_written(run, written, 6)


def test_damage_in_the_round_in_hand_is_found_too(six: tuple[RunFolder, Any], rows: MakeRows) -> None:
    run, written = six
    TableWriter(run, written).append("rounds", 6, rows("rounds", 6))
    file = run.folder("rounds") / "part-00004.parquet"
    data = bytearray(file.read_bytes())
    column = pq.ParquetFile(file).metadata.row_group(0).column(4)
    data[column.dictionary_page_offset + column.total_compressed_size - 3] ^= 1  # near the end of its values
    file.write_bytes(data)
    with pytest.raises(ValueError, match=r"part-00004\.parquet is damaged"):
        check_written(run, written, 6)


def test_another_file_in_the_place_of_a_part_is_refused(six: tuple[RunFolder, Any], tmp_path: Path) -> None:
    run, written = six
    shutil.copy(run.folder("rounds") / "part-00004.parquet", run.folder("rounds") / "part-00000.parquet")
    with pytest.raises(ValueError, match=r"part-00000\.parquet was changed since the run wrote it"):
        check_written(run, written, 6)


def test_parts_without_rows_are_as_they_should_be_when_a_run_goes_on(
    six: tuple[RunFolder, Any], tmp_path: Path
) -> None:
    run, written = six
    initial = {table: (run.folder(table) / "part-initial.parquet").read_bytes() for table in APPENDED}
    shutil.copy(run.folder("rounds") / "part-00000.parquet", run.folder("rounds") / "part-initial.parquet")
    (run.folder("ports") / "part-initial.parquet").unlink()
    check_written(run, written, 6)
    drop_in_hand(run, written)
    for table, data in initial.items():
        assert (run.folder(table) / "part-initial.parquet").read_bytes() == data
    assert len(pd.read_parquet(run.folder("rounds"))) == 6


def test_a_table_that_had_no_rows_is_made_again(run: RunFolder) -> None:
    shutil.rmtree(run.folder("detections"))
    written = TableWriter(run).written
    check_written(run, written, 0)
    drop_in_hand(run, written)
    assert len(pd.read_parquet(run.folder("detections"))) == 0


def test_what_is_no_part_and_what_is_no_file_are_named(six: tuple[RunFolder, Any]) -> None:
    run, written = six
    note = run.folder("rounds") / "note.txt"
    note.write_text("mine")
    with pytest.raises(ValueError, match=r"note\.txt was not written by this run.* move it away"):
        check_written(run, written, 6)
    note.unlink()
    file = run.folder("rounds") / "part-00000.parquet"
    file.unlink()
    file.mkdir()
    with pytest.raises(ValueError, match=r"part-00000\.parquet cannot be read"):
        check_written(run, written, 6)
