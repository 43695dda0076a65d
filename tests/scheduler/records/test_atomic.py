from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from smalti.scheduler.records.atomic import clear_scratch, scratch, write_bytes_atomic, write_text_atomic


def test_writes_and_replaces(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    for text in ("first\r\n", "ä\n"):
        write_text_atomic(file, text)
        assert file.read_bytes() == text.encode("utf-8")
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_error_keeps_the_old_file_and_leaves_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    file = tmp_path / "a"
    write_bytes_atomic(file, b"old")

    def fail(*_: object) -> None:
        assert len(os.listdir(tmp_path)) == 2  # the new bytes lie beside the old file
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        write_bytes_atomic(file, b"new")
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_writers_at_once_each_write_a_whole_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: write_text_atomic(tmp_path / "a", str(number % 10) * 50_000), range(100)))
    assert len(set((tmp_path / "a").read_text())) == 1
    assert os.listdir(tmp_path) == ["a"]


def test_long_names_can_be_written(tmp_path: Path) -> None:
    name = "ä" * 120
    write_text_atomic(tmp_path / name, "text")
    assert os.listdir(tmp_path) == [name]


def test_what_a_killed_process_left_is_cleared_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        scratch(tmp_path / "a").write_text("half")
        (scratch(tmp_path / "b") / "inner").mkdir(parents=True)
        os._exit(0)
    os.waitpid(child, 0)
    scratch(tmp_path / "mine").write_text("in hand")
    (tmp_path / ".theirs.tmp").touch()  # no scratch file
    assert len(os.listdir(tmp_path)) == 4
    clear_scratch(tmp_path)
    left = sorted(os.listdir(tmp_path))
    assert len(left) == 2
    assert left[0].startswith(".mine.")
    assert left[1] == ".theirs.tmp"
