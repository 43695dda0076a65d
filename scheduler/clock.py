"""What the seconds of a round go into."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Seconds:
    """Seconds of a round."""

    train: float
    evaluate: float
    other: float


class Clock:
    """Begins with a round."""

    def __init__(self) -> None:
        self._began, self._train, self._evaluate = time.perf_counter(), 0.0, 0.0

    @contextmanager
    def training(self) -> Iterator[None]:
        """What is done meanwhile is training."""
        begin = time.perf_counter()
        yield
        self._train += time.perf_counter() - begin

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """What is done meanwhile is evaluation."""
        begin = time.perf_counter()
        yield
        self._evaluate += time.perf_counter() - begin

    def seconds(self, beside: float) -> Seconds:
        """Seconds so far, and some that were spent beside the round."""
        elapsed = time.perf_counter() - self._began + beside
        return Seconds(self._train, self._evaluate, elapsed - self._train - self._evaluate)
