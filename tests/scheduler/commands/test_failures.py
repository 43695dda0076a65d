from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from smalti.scheduler import cli as command_line
from smalti.scheduler.commands.failures import tell
from smalti.scheduler.commands.stopping import Stop
from smalti.scheduler.records.writer import TableWriter


def told(error: BaseException, stop: Stop | None = None) -> tuple[int, str]:
    seen = io.StringIO()
    code = tell(error, stop or Stop(), Console(file=seen))
    return code, seen.getvalue()


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("fabric.rows = 0 [must]\nbe 1"), 2, "error: fabric.rows = 0 [must] be 1\n"),
        (
            MemoryError("Unable to allocate 7 TiB"),
            2,
            "error: the memory does not suffice (Unable to allocate 7 TiB); make",
        ),
        (
            RuntimeError("[enforce] DefaultCPUAllocator: can't allocate memory: you tried"),
            2,
            "the memory does not suffice",
        ),
        (OverflowError("int too large to convert"), 2, "error: a number is too large (int too large to convert); give"),
        (RecursionError("maximum recursion depth exceeded"), 2, "error: what was given is nested too deeply"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), 2, "give names and texts in UTF-8"),
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), 2, "error: a/b: No space left on device; free some"),
        (OSError(errno.ENOSPC, "No space left on device"), 2, "error: writing failed: No space left on device; free"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), 2, "error: a: Permission denied; give another place"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a"), 2, "error: a: No such file or directory\n"),
        (OSError("the project's own words"), 2, "error: the project's own words\n"),
        (FloatingPointError("the loss is NaN"), 1, "error: the loss is NaN\n"),
        (KeyboardInterrupt(), 130, "\nstopped\n"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 1, ""),
    ],
)
def test_what_is_said_and_with_which_code(
    error: BaseException, code: int, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = told(error)
    assert answer[0] == code
    assert message in answer[1]
    assert "Errno" not in answer[1]


def test_notes_say_how_to_go_on() -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "a")
    error.add_note("`smalti resume a` goes on")
    assert told(error)[1].splitlines()[1] == "`smalti resume a` goes on"
    stopped = KeyboardInterrupt()
    stopped.add_note("`smalti resume a` goes on")
    assert told(stopped) == (130, "\nstopped; `smalti resume a` goes on\n")


def test_a_library_that_turns_the_signal_into_its_own_error_was_stopped_all_the_same() -> None:
    assert told(ImportError("numpy failed to import"), Stop(15)) == (143, "\nstopped\n")


@pytest.mark.parametrize(
    "mistake", [KeyError("x"), AssertionError(), ImportError("x"), RuntimeError("of another kind")]
)
def test_mistakes_in_the_program_keep_their_traceback(mistake: BaseException) -> None:
    with pytest.raises(type(mistake)):
        told(mistake)


@pytest.mark.parametrize("table", ["ports", "rounds"])
def test_a_full_disk_names_file_and_run_and_how_to_go_on(
    cli: Any, tiny_toml: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    write = TableWriter.append

    def fill(writer: TableWriter, name: str, number: int, rows: Any) -> None:
        if (name, number) == (table, 1):
            monkeypatch.setattr("os.fsync", full)
        write(writer, name, number, rows)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(TableWriter, "append", fill)
        code, _, err = cli("run", str(tiny_toml), "--out", "my run")
    assert code == 2
    first, second = err.splitlines()
    full_disk = "No space left on device; free some space on that disk, or write to another one"
    assert first.endswith(f"my run/tables/{table}/part-00000.parquet: {full_disk}")
    assert second == "`smalti resume 'my run'` goes on from the last finished round"
    monkeypatch.undo()
    assert command_line.main(["resume", str(Path("my run").absolute()), "--no-report"]) in (0, 2)
