"""What is said of an exception that reaches the top, and with which exit code the command ends."""

from __future__ import annotations

import errno
import os
import sys

from rich.console import Console
from rich.markup import escape

from smalti.scheduler.commands.stopping import Stop

FAILED, MEND = 1, 2  # exit codes: it failed; the user can mend it
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MEMORY = ("can't allocate memory", "not enough memory", "out of memory")  # torch says so in a RuntimeError


def tell(error: BaseException, stop: Stop, errors: Console) -> int:
    """Say what happened in a line, and how to go on in another; the exit code.

    Raises:
        BaseException: the error itself, if it is a mistake in the program, whose place is worth knowing.
    """
    notes = [one_line(note) for note in getattr(error, "__notes__", [])]
    if isinstance(error, BrokenPipeError):  # whoever read the output has left
        _drop_output()
        _lines(errors, notes)
        return FAILED
    if isinstance(error, KeyboardInterrupt) or (stop.signal and isinstance(error, Exception)):
        said = str(error) if isinstance(error, KeyboardInterrupt) else ""
        _lines(errors, [f"\nstopped; {'; '.join(filter(None, [said, *notes]))}" if said or notes else "\nstopped"])
        return stop.code
    reason = explained(error)
    if not reason:
        raise error
    _lines(errors, [f"[bold red]error:[/] {escape(one_line(reason))}"], markup=True)
    _lines(errors, notes)
    return FAILED if isinstance(error, FloatingPointError) else MEND


def explained(error: BaseException) -> str:
    """An error that the user may do something about, in words; empty for any other."""
    text = str(error)
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(m in text.lower() for m in MEMORY)):
        cure = "make the chip (fabric), the minibatches (training.batch) or the data (stream.limit) smaller"
        return f"the memory does not suffice{f' ({text})' if text else ''}; {cure}"
    if isinstance(error, OverflowError):
        return f"a number is too large ({text}); give a smaller one"
    if isinstance(error, RecursionError):
        return f"what was given is nested too deeply ({text}); make it flatter"
    if isinstance(error, UnicodeError):
        return f"{text}; give names and texts in UTF-8"
    if isinstance(error, OSError) and error.errno is not None:
        return _of_system(error)
    return text or type(error).__name__ if isinstance(error, (ValueError, OSError, FloatingPointError)) else ""


def one_line(text: object) -> str:
    """Text without its line ends."""
    return " ".join(str(text).split())


def _of_system(error: OSError) -> str:
    """What the operating system refused, with the file."""
    names = (error.filename, error.filename2)
    places = " -> ".join(os.fsdecode(name) for name in names if isinstance(name, str | bytes))
    reason = f"{places or 'writing failed' if error.errno in FULL else places}: {error.strerror}".removeprefix(": ")
    if error.errno in FULL:
        return f"{reason}; free some space on that disk, or write to another one"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{reason}; give another place, or the right to use that one"
    return reason


def _drop_output() -> None:
    """Let Python end without another word about a pipe that nobody reads."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError):  # no file of the system, as under a test
        return
    finally:
        os.close(nowhere)


def _lines(errors: Console, lines: list[str], markup: bool = False) -> None:
    for line in lines:
        errors.print(line, markup=markup, highlight=False, soft_wrap=True)
