"""Gates of two levels: they find the parts of tasks that inputs tell apart, and random ones do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.mixture_gates import COLUMNS, LevelGates, finished, measure
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.runner import start
from smalti.scheduler.simulation import Simulation


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
    """Folder of an experiment with one finished trial."""
    folder = tmp_path_factory.mktemp("experiment")
    config = configure(
        {
            "stream": {"name": "two-factor", "path": str(clouds), "setting": "task", "steps": 20},
            "stream.two_factor": {"of": "arrays", "ways": 3, "questions": 3, "asks": "pairs", "held_out": 0.12},
            "fabric": {"rows": 1, "cols": 1, "neurons_per_tile": 160, "wires": 14, "inputs": "every"},
            "training": {"rounds": 1, "steps": 30, "batch": 16, "warm_up": 2, "learning_rate": 0.02},
            "growth": {"when": "never", "reserve": 0},
            "growth.levels": {"relay": 8, "north": 10, "south": 6},
            "gating": {"network": "label"},
        }
    )
    trial = folder / "trials" / "pairs_deep_seed0_0123456789ab"
    start(config, trial, lambda simulation: None)
    (trial / "finished").touch()
    return folder


@pytest.fixture(scope="module")
def simulation(out: Path) -> Simulation:
    (found,) = finished(out)
    assert found[0] == "pairs"
    return found[1]


def test_inputs_tell_the_parts(simulation: Simulation) -> None:
    gates = LevelGates.of(simulation, "gaussian")
    trained = measure(gates, simulation.stream.experiences)
    assert set(trained) == set(COLUMNS)
    assert trained["north right"] > 0.8
    assert trained["south right"] > 0.6
    assert trained["untold"] <= min(trained["south told"], trained["told"])
    assert trained["south told"] <= trained["told"]
    chance = measure(LevelGates.of(simulation, "random"), simulation.stream.experiences)
    assert chance["north right"] < trained["north right"]
    assert chance["view by north"] < 0.1 < trained["view by north"]


def test_what_was_held_out_goes_through_the_parts_of_its_factors(simulation: Simulation) -> None:
    gates = LevelGates.of(simulation, "gaussian")
    (held,) = simulation.stream.held_out
    north, south = gates.way(held)
    levels = simulation.gating.levels
    view, question = simulation.stream.factors[held.task]
    assert view in levels.north[north].serves
    assert question in levels.south[south].serves
    assert 0 <= measure(gates, [held])["told"] <= 1


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no finished trials of smalti benchmark deep-mixture"):
        list(finished(tmp_path))
