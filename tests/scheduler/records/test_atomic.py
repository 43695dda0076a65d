from __future__ import annotations

import os
from pathlib import Path

import pytest

from smalti.scheduler.records.atomic import write_bytes_atomic, write_text_atomic


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


def test_a_leftover_of_a_killed_process_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / ".a.tmp").write_bytes(b"half of something longer")
    write_bytes_atomic(tmp_path / "a", b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert os.listdir(tmp_path) == ["a"]
