"""Looks at an experiment again and again while it is driven: keeps its table up to date and tells who listens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from smalti.scheduler.experiments.table import State

INTERVAL = 1.0  # seconds


@contextmanager
def watched(state: State, tell: Callable[[State], None]) -> Iterator[None]:
    """Follow an experiment; at the end, however it comes, the table is that of the last moment.

    Raises:
        Exception: what went wrong while looking, after the experiment itself has ended.
    """
    over, wrong = threading.Event(), list[Exception]()

    def follow() -> None:
        try:
            while not over.wait(INTERVAL):
                if state.look():
                    state.write()
                tell(state)
        except Exception as error:
            wrong.append(error)

    state.look()
    state.write(at_once=True)
    tell(state)
    thread = threading.Thread(target=follow, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        state.look()
        state.write(at_once=True)
        tell(state)
    if wrong:
        raise wrong[0]
