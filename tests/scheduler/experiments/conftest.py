from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from smalti.scheduler.experiments.folder import ExperimentFolder
from smalti.scheduler.experiments.plan import Experiment
from smalti.scheduler.experiments.reading import load_experiment


@pytest.fixture(scope="session")
def small(small_base: Callable[..., str]) -> str:
    """What all runs of an experiment share that takes a fraction of a second a trial."""
    return small_base(2, "joint", "dense")


@pytest.fixture
def plan(tmp_path: Path) -> Callable[[str], Experiment]:
    """``plan(text)``: an experiment from the text of a file."""

    def load(text: str) -> Experiment:
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        return load_experiment(tmp_path / "mine.toml")

    return load


@pytest.fixture
def folder(tmp_path: Path) -> ExperimentFolder:
    """An empty folder of an experiment."""
    return ExperimentFolder(tmp_path / "experiment").make("")


def spread(tasks: Iterable[tuple], at_a_time: int = 0) -> Sequence[object]:
    return [function(*given, **named) for function, given, named in tasks]


@pytest.fixture(scope="session")
def spread_here() -> Callable[..., Sequence[object]]:
    """A ``Spread`` that does the tasks in this process, one after the other."""
    return spread
