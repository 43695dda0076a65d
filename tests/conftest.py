"""A small data set, a configuration that runs in a third of a second, and one finished run, for all tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.fabric import FabricOptions
from model.growth.options import GrowthOptions
from scheduler.config import Config
from scheduler.runner import start
from scheduler.streams import StreamOptions
from scheduler.training import TrainingOptions

CLASSES, CHANNELS, SAMPLES = 4, 8, 24  # samples of a class
MakeConfig = Callable[..., Config]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four classes that a few neurons can tell apart, by firing probability."""
    path = tmp_path_factory.mktemp("data") / "blobs.npz"
    x, y = make_blobs()
    np.savez(path, x=x, y=y)
    return path


def make_blobs() -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    prototypes = chance.random((CLASSES, CHANNELS)) ** 2
    y = np.repeat(np.arange(CLASSES), SAMPLES)
    return np.clip(prototypes[y] + 0.05 * (chance.random((len(y), CHANNELS)) - 0.5), 0, 1), y


@pytest.fixture(scope="session")
def tiny(blobs: Path) -> MakeConfig:
    """``tiny(training={"rounds": 1}, ...)``: two tasks of two classes on a chip of 2 x 2 tiles, with changes."""
    base = Config(
        fabric=FabricOptions(rows=2, cols=2, neurons_per_tile=8, wires=8, corner_wires=2),
        stream=StreamOptions(name="arrays", path=str(blobs), steps=12),
        training=TrainingOptions(rounds=3, steps=4, batch=16, warm_up=2, learning_rate=0.02),
        growth=GrowthOptions(probe=32, reserve=1, until=0.7),
    )

    def make(**changes: dict[str, object]) -> Config:
        assert set(changes) <= {field.name for field in fields(Config)}
        return replace(base, **{name: replace(getattr(base, name), **new) for name, new in changes.items()})

    return make


@pytest.fixture(scope="session")
def finished_run(tiny: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished run of ``tiny()``; do not write to it."""
    path = tmp_path_factory.mktemp("runs") / "finished"
    start(tiny(), path, lambda simulation: None)
    return path
