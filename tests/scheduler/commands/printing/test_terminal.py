from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from smalti.scheduler.cli import main
from smalti.scheduler.commands.printing.terminal import any_encoding


def test_marks_and_boxes_have_others_of_the_same_width(monkeypatch: pytest.MonkeyPatch) -> None:
    there = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", there)
    text = "●■·…\u00d7→┏━┓│╭─╮█é\udce9"
    with any_encoding():
        print(text, end="", flush=True)
    assert there.buffer.getvalue() == b"o#..x>+-+|+-+#??"  # type: ignore[attr-defined]
    assert there.errors == "strict"
    with pytest.raises(UnicodeEncodeError):
        print(text, flush=True)
    monkeypatch.undo()
    there.detach()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["show", "RUN"], ["data"], ["run", "--help-all"]])
def test_every_terminal_will_do(
    encoding: str, arguments: list[str], finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    try:
        code: object = main([str(finished_run) if word == "RUN" else word for word in arguments])
    except SystemExit as left:
        code = left.code
    out, err = (stream.buffer.getvalue().decode(encoding) for stream in streams)  # type: ignore[attr-defined]
    monkeypatch.undo()
    for stream in streams:
        stream.detach()
    assert (code or 0, err) == (0, "")
    assert len(out) > 200
    if arguments[0] == "show":
        marks = "●■" if encoding == "utf-8" else "o#"
        assert all(mark in out for mark in marks)
