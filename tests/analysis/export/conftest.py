"""Finished runs of both resets, their nets, and samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.runner import start
from smalti.scheduler.simulation import Simulation


@pytest.fixture(scope="session")
def hard_run(tiny: Callable[..., Config], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose neurons are set back to 0 by a spike."""
    path = tmp_path_factory.mktemp("hard") / "hard"
    start(tiny(network={"reset": "hard"}), path, lambda simulation: None)
    return path


@pytest.fixture(scope="session")
def runs(finished_run: Path, hard_run: Path) -> dict[str, Path]:
    """Reset -> folder of a finished run; do not write to it."""
    return {"soft": finished_run, "hard": hard_run}


@pytest.fixture(scope="session")
def simulations(runs: dict[str, Path]) -> dict[str, Simulation]:
    """Reset -> the simulation of that run; do not change it."""
    return {reset: restored(load_run(path)) for reset, path in runs.items()}
