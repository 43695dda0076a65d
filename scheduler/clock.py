"""What the seconds of a round go into."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from smalti.model.engines.compiling import COMPILING


@dataclass(frozen=True)
class Seconds:
    """Seconds of a round; those of compiling are in none of the others."""

    train: float
    evaluate: float
    other: float
    compile: float = 0.0


class Clock:
    """Begins with a round; it stands still while kernels are compiled."""

    def __init__(self) -> None:
        self._compiled = COMPILING.seconds  # by then
        self._began, self._train, self._evaluate = _running(), 0.0, 0.0

    @contextmanager
    def training(self) -> Iterator[None]:
        """What is done meanwhile is training."""
        begin = _running()
        yield
        self._train += _running() - begin

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """What is done meanwhile is evaluation."""
        begin = _running()
        yield
        self._evaluate += _running() - begin

    def seconds(self, beside: float) -> Seconds:
        """Seconds so far, and some that were spent beside the round."""
        elapsed = _running() - self._began + beside
        compiled = COMPILING.seconds - self._compiled
        other = max(0.0, elapsed - self._train - self._evaluate)  # rounding must not make it negative
        return Seconds(self._train, self._evaluate, other, compiled)


def _running() -> float:
    """Seconds since some moment, without those of compiling."""
    return time.perf_counter() - COMPILING.seconds
