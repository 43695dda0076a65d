from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from smalti.analysis.dashboard.live import Live, live_source
from smalti.analysis.dashboard.view import View
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.runner import start
from smalti.scheduler.simulation import Simulation


@dataclass(frozen=True)
class Played:
    """A simulation played to its end, with the view after every round."""

    live: Live
    views: tuple[View, ...]

    @property
    def simulation(self) -> Simulation:
        assert self.live.simulation is not None
        return self.live.simulation


@pytest.fixture(scope="session")
def busy(tiny: Callable[..., Config]) -> Config:
    """Tasks that want neurons in every round."""
    return tiny(growth={"enough_loss": 0.0, "until": 1.0})


@pytest.fixture(scope="session")
def played(busy: Config) -> Played:
    live = Live(live_source(busy))
    views = []
    while live.running:
        live.step()
        views.append(live.view)
    return Played(live, tuple(views))


@pytest.fixture(scope="session")
def folder(busy: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run of ``busy``; do not write to it."""
    path = tmp_path_factory.mktemp("runs") / "busy"
    start(busy, path, lambda simulation: None)
    return path
