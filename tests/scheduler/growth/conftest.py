"""Classes that a gating network on the chip can tell apart, and runs with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.simulation import Simulation

Configured = Callable[..., Config]
Played = Callable[..., Simulation]
STEPS, CHANNELS = 14, 16


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Configured:
    """Six classes in three tasks of two, learned badly by few neurons; what is to be other."""
    chance = np.random.default_rng(0)
    y = np.arange(480) % 6
    x = chance.random((6, CHANNELS))[y] * chance.uniform(0.4, 1.0, (480, 1))
    path = tmp_path_factory.mktemp("clouds") / "clouds.npz"
    np.savez(path, x=x.astype(np.float32), y=y)

    def make(**changes: Any) -> Config:
        return configure(
            {
                "stream": {"name": "arrays", "path": str(path), "steps": STEPS, "setting": "class"},
                "fabric": {"rows": 2, "cols": 4, "neurons_per_tile": 20, "wires": 16},
                "training": {"rounds": 1, "steps": 6, "batch": 16, "warm_up": 2},
                "growth": {"when": "never", "seed_width": 2},
                "gating": {"network": "crossbar"},
            },
            changes,
        )

    return make


@pytest.fixture(scope="module")
def played(config: Configured) -> Played:
    """What is to be other -> a simulation that has come to its end."""

    def make(**changes: Any) -> Simulation:
        simulation = Simulation(config(**changes))
        for _ in simulation:
            pass
        return simulation

    return make
