from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from smalti.scheduler.experiments.folder import SweepFolder
from smalti.scheduler.experiments.plan import Sweep, load_sweep


@pytest.fixture(scope="session")
def small(small_base: Callable[..., str]) -> str:
    """What all runs of a sweep share that takes a fraction of a second a trial."""
    return small_base(2, "joint", "dense")


@pytest.fixture
def plan(tmp_path: Path) -> Callable[[str], Sweep]:
    """``plan(text)``: a sweep from the text of a file."""

    def load(text: str) -> Sweep:
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        return load_sweep(tmp_path / "mine.toml")

    return load


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    """An empty folder of a sweep."""
    return SweepFolder(tmp_path / "sweep").make("")


def spread(tasks: Iterable[tuple], at_a_time: int = 0) -> Sequence[object]:
    return [function(*given, **named) for function, given, named in tasks]


@pytest.fixture(scope="session")
def spread_here() -> Callable[..., Sequence[object]]:
    """A ``Spread`` that does the tasks in this process, one after the other."""
    return spread
