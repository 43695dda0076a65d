"""Four classes in three views with three questions, on a chip that two levels fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.configure import configure

Make = Callable[..., Config]


@pytest.fixture(scope="session")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four classes of 40 samples on 12 channels."""
    chance = np.random.default_rng(0)
    y = np.arange(160) % 4
    x = np.clip(chance.random((4, 12))[y] + 0.2 * (chance.random((160, 12)) - 0.5), 0, 1)
    path = tmp_path_factory.mktemp("clouds") / "clouds.npz"
    np.savez(path, x=x.astype(np.float32), y=y)
    return path


@pytest.fixture(scope="session")
def make(clouds: Path) -> Make:
    """``make(**changes)``: eight tasks of two factors are trained, one is held out."""

    def configured(**changes: Any) -> Config:
        return configure(
            {
                "stream": {"name": "two-factor", "path": str(clouds), "setting": "task", "steps": 15, "shuffle": True},
                "stream.two_factor": {"of": "arrays", "ways": 3, "questions": 3, "held_out": 0.12},
                "fabric": {"rows": 1, "cols": 2, "neurons_per_tile": 60, "wires": 16, "inputs": "every"},
                "training": {"rounds": 2, "steps": 40, "batch": 16, "warm_up": 2, "learning_rate": 0.02},
                "growth": {"when": "never", "reserve": 0, "probe": 64},
                "growth.levels": {"relay": 8, "north": 10, "south": 8, "trial": 30},
                "growth.reuse": {"enough": 0.7, "samples": 96},
                "gating": {"network": "label"},
            },
            changes,
        )

    return configured
