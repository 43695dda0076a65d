"""Time that this process has spent on compiling kernels, so that it can be told apart from running them."""

from __future__ import annotations

import time


class Stopwatch:
    """Runs while something is being compiled; what is compiled within that adds nothing."""

    def __init__(self) -> None:
        self._seconds, self._depth, self._began = 0.0, 0, 0.0

    @property
    def seconds(self) -> float:
        """Seconds in all, until now."""
        return self._seconds + (time.perf_counter() - self._began if self._depth else 0.0)

    @property
    def runs(self) -> bool:
        """Whether something is being compiled."""
        return self._depth > 0

    def begin(self) -> None:
        """Something begins to be compiled."""
        if not self._depth:
            self._began = time.perf_counter()
        self._depth += 1

    def end(self) -> None:
        """What began last is compiled."""
        self._depth -= 1
        if not self._depth:
            self._seconds += time.perf_counter() - self._began


COMPILING = Stopwatch()
