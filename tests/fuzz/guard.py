"""Limits that a process gives itself while it tries an input: 2 GB beyond what libraries take, and 20 seconds."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

SECONDS = 20
BYTES = 2 << 30


class TooLong(BaseException):
    """An input took too long."""


def too_long(*_: object) -> None:
    raise TooLong(f"took more than {SECONDS} seconds")


def tried(action: Callable[[], object]) -> str:
    """Do it, in silence; what was wrong."""
    quiet = io.StringIO()
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            action()
    except BaseException:
        return traceback.format_exc()
    finally:
        signal.alarm(0)
    return ""


def memory() -> int:
    """Bytes of address space; 0 where the system does not say."""
    if sys.platform != "linux":
        return 0
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def limited() -> None:
    """From now on the limits hold; what crashes says where."""
    if sys.platform == "linux":
        taken = memory()
        resource.setrlimit(resource.RLIMIT_AS, (taken + BYTES, taken + BYTES))
    signal.signal(signal.SIGALRM, too_long)
    faulthandler.enable()
