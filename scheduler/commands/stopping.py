"""How a command is stopped from outside: Ctrl-C, and the signal that schedulers send before they kill."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A signal asked to stop. A class of its own: Python remembers a plain KeyboardInterrupt that went through code
    which a library runs from text, and kills itself by SIGINT in the end, whatever the exit code."""


@dataclass
class Stop:
    """Which signal asked to stop; 0: none did."""

    signal: int = 0

    @property
    def code(self) -> int:
        """Exit code of a stopped command, as shells have it: 130 after Ctrl-C, 143 after SIGTERM."""
        return 128 + (self.signal or signal.SIGINT)


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Let SIGTERM stop what is done meanwhile as Ctrl-C does; the handlers of before are put back.

    A signal that is ignored (``nohup``, ``&`` in scripts) stays so. Outside the main thread nothing is changed.
    """
    stop = Stop()

    def interrupt(number: int, frame: FrameType | None) -> None:
        stop.signal = number  # a library that is being imported may turn what is raised into another error
        raise Stopped

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    ours = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    try:
        for number in ours:
            signal.signal(number, interrupt)
        yield stop
    finally:
        for number in ours:
            signal.signal(number, before[number])


@contextmanager
def advising(advice: Callable[[], str]) -> Iterator[None]:
    """Say how to go on, should what is done meanwhile be stopped or fail for want of something.

    The advice becomes a note of the exception. What the user gave (ValueError) and what would only happen again
    (FloatingPointError) get none.

    Args:
        advice: one sentence, asked for when it is needed; empty: none.
    """
    try:
        yield
    except (ValueError, FloatingPointError, GeneratorExit, SystemExit):
        raise
    except BaseException as error:
        if text := advice():
            error.add_note(text)
        raise
