from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import sweep
from benchmarks.sweep import Throughput, main
from smalti.scheduler.experiments.workers.backends import Spread, Task, Workers


def test_ratios_are_those_of_trials_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Played: a trial takes a second, and workers never wait for each other."""
    now, asked = [0.0], list[int]()

    def spread(tasks: Iterable[Task], at_a_time: int = 0) -> Sequence[object]:
        names = {args[1].name for _, args, _ in tasks}
        asked.append(len(names))
        now[0] += len(names) / at_a_time
        return []

    @contextmanager
    def opened(workers: Workers) -> Iterator[Spread]:
        yield spread

    monkeypatch.setattr(sweep, "opened", opened)
    monkeypatch.setattr(sweep, "perf_counter", lambda: now[0])
    main(Throughput(trials=3, repeats=2, json=tmp_path / "found.json"))
    assert asked == [4, 3, 6, 3, 6]  # every trial is another
    one, two = json.loads((tmp_path / "found.json").read_text())
    assert (one["ratio"], two["ratio"], two["seconds"]) == (1.0, 2.0, 3.0)
    assert "at least 1.8 times the trials of one (2.00)" in capsys.readouterr().out


def test_the_workers_compared_must_hold_one() -> None:
    with pytest.raises(ValueError, match="must hold 1"):
        Throughput(workers=(2, 4))
