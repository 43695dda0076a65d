from __future__ import annotations

import pytest

from smalti.model.engines import compiling
from smalti.scheduler import clock


def test_the_seconds_of_compiling_are_in_none_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    watch = compiling.Stopwatch()
    monkeypatch.setattr(clock, "COMPILING", watch)
    monkeypatch.setattr("time.perf_counter", lambda: now)
    watch.begin()  # before the round
    now += 50
    watch.end()
    round_clock = clock.Clock()
    with round_clock.training():
        now += 2
        watch.begin()
        now += 1
        watch.begin()  # what it calls is compiled, too
        now += 4
        watch.end()
        now += 3
        watch.end()
        now += 5
    with round_clock.evaluating():
        watch.begin()
        now += 10
        watch.end()
        now += 1
    now += 6
    assert round_clock.seconds(beside=0.5) == clock.Seconds(train=7, evaluate=1, other=6.5, compile=18)
