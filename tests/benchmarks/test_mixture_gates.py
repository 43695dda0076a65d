"""Gates of two levels: they find the parts of tasks that inputs tell apart, and random ones do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.mixture_gates import COLUMNS, finished, measure, way
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.runner import start


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six classes, so that three pairs of them, in two views."""
    chance = np.random.default_rng(0)
    y = np.arange(240) % 6
    path = tmp_path_factory.mktemp("clouds") / "clouds.npz"
    np.savez(path, x=chance.random((6, 14))[y].astype(np.float32), y=y)
    return path


@pytest.fixture(scope="module")
def out(clouds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an experiment with finished trials, one of them without gates on levels."""
    folder = tmp_path_factory.mktemp("experiment")
    lots = {"gating.levels.north": "random", "gating.levels.south": "random"}
    for name, network, more in (("deep", "label", {}), ("deep-gates", "levels", {}), ("random", "levels", lots)):
        trial = folder / "trials" / f"pairs_{name}_seed0_0123456789ab"
        start(made(clouds, network, more), trial, lambda simulation: None)
        (trial / "finished").touch()
    return folder


def made(clouds: Path, network: str, more: dict[str, str]) -> Config:
    return configure(
        {
            "stream": {"name": "two-factor", "path": str(clouds), "setting": "task", "steps": 20},
            "stream.two_factor": {"of": "arrays", "ways": 3, "questions": 3, "asks": "pairs", "held_out": 0.12},
            "fabric": {"rows": 1, "cols": 1, "neurons_per_tile": 160, "wires": 14, "inputs": "every"},
            "training": {"rounds": 1, "steps": 30, "batch": 16, "warm_up": 2, "learning_rate": 0.02},
            "growth": {"when": "never", "reserve": 0},
            "growth.levels": {"relay": 8, "north": 10, "south": 6},
            "gating": {"network": network},
        },
        more,
    )


def test_inputs_tell_the_parts(out: Path) -> None:
    found = {name: measure(simulation, gate, simulation.stream.experiences) for name, simulation, gate in finished(out)}
    assert list(found) == ["pairs_deep-gates", "pairs_random"]
    trained, chance = found.values()
    assert set(trained) == set(COLUMNS)
    assert trained["north right"] > 0.8
    assert trained["south right"] > 0.6
    assert chance["north right"] < trained["north right"]
    assert chance["view by north"] < 0.1 < trained["view by north"]


def test_what_was_held_out_goes_through_the_parts_of_its_factors(out: Path) -> None:
    _, simulation, gate = next(finished(out))
    (held,) = simulation.stream.held_out
    north, south = way(simulation, held)
    levels = simulation.gating.levels
    view, question = simulation.stream.factors[held.task]
    assert view in levels.north[north].serves
    assert question in levels.south[south].serves
    assert 0 <= measure(simulation, gate, [held])["south right"] <= 1


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no finished trial with gates on two levels"):
        list(finished(tmp_path))
