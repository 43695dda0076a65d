"""Combinations that are held out are asked at the end: through the parts of both factors, or by the nearest expert."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from smalti.analysis.outcomes import overall
from smalti.analysis.report.words import keys
from smalti.analysis.runs import load_run
from smalti.scheduler.answers import unseen
from smalti.scheduler.commands.printing.runs import resources_view
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.runner import start
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import VALIDATION


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chance = np.random.default_rng(0)
    y = np.arange(120) % 3
    path = tmp_path_factory.mktemp("clouds") / "clouds.npz"
    np.savez(path, x=chance.random((3, 10))[y].astype(np.float32), y=y)
    return path


@pytest.fixture(scope="module")
def make(clouds: Path) -> Callable[..., Config]:
    def configured(**changes: Any) -> Config:
        return configure(
            {
                "stream": {"name": "two-factor", "path": str(clouds), "setting": "task", "steps": 14},
                "stream.two_factor": {"of": "arrays", "ways": 3, "questions": 3, "held_out": 0.12},
                "fabric": {"rows": 1, "cols": 1, "neurons_per_tile": 120, "wires": 10, "inputs": "every"},
                "training": {"rounds": 1, "steps": 40, "batch": 16, "warm_up": 2, "learning_rate": 0.02},
                "growth": {"when": "never", "reserve": 0, "seed_width": 4},
                "gating": {"network": "label"},
            },
            changes,
        )

    return configured


LEVELS = {"growth.levels.relay": 6, "growth.levels.north": 8, "growth.levels.south": 6, "growth.reuse.enough": 0.8}


def test_a_combination_goes_through_the_parts_of_its_factors(make: Callable[..., Config], tmp_path: Path) -> None:
    start(make(**LEVELS), tmp_path / "run", lambda simulation: None)
    run = load_run(tmp_path / "run")
    table = run.table("evaluations")
    rows = table[table["split"].str.startswith("unseen")]
    assert rows["split"].tolist() == ["unseen_validation", "unseen_test"]
    assert rows["after"].tolist() == [7, 7]
    assert rows["setting"].tolist() == ["task", "task"]
    assert set(rows["on"]) == {8}
    values = overall(run)
    assert values["unseen"] == rows["accuracy"].iloc[0]
    share = f"{100 * overall(run, 'test')['unseen']:.1f}"
    assert share in [key.value.removesuffix(" %") for key in keys(run) if key.name == "held out"]
    console = Console(width=200)
    with console.capture() as captured:
        console.print(resources_view(run))
    assert "of test samples of 1 combination that never came" in " ".join(captured.get().split())
    assert values["parts"] >= 6
    assert values["combined"] == 8 - (values["parts"] - 1) or values["combined"] >= 0


def test_who_answers(make: Callable[..., Config]) -> None:
    simulation = Simulation(make(**LEVELS))
    for _ in simulation:
        pass
    (held,) = simulation.stream.held_out
    expert = unseen.answering(simulation.gating, simulation.stream, held)
    assert expert is not None
    north, south = expert.path
    levels = simulation.gating.levels
    view, question = simulation.stream.factors[held.task]
    assert view in levels.north[north].serves
    assert question in levels.south[south].serves
    assert expert.outputs == levels.south[south].outputs
    assert expert not in simulation.gating.experts


def test_of_one_level_the_last_expert_of_the_same_question_answers(make: Callable[..., Config]) -> None:
    simulation = Simulation(make())
    for _ in simulation:
        pass
    (held,) = simulation.stream.held_out
    expert, factors = unseen.answering(simulation.gating, simulation.stream, held), simulation.stream.factors
    assert expert is not None
    asked = [e for e in simulation.stream.experiences if factors[e.task][1] == factors[held.task][1]]
    known = simulation.gating.find(asked[-1].classes)
    assert known is not None
    assert (expert.outputs, expert.neurons) == (known.outputs, known.neurons)
    assert expert.classes == held.classes


def test_nothing_is_asked_before_the_end(make: Callable[..., Config]) -> None:
    simulation = Simulation(make(**LEVELS))
    for _ in range(7):
        simulation.step()
    assert not simulation.table("evaluations")["split"].str.startswith("unseen").any()


def test_what_nobody_can_answer_counts_as_wrong(make: Callable[..., Config]) -> None:
    simulation = Simulation(make(**LEVELS))
    (held,) = simulation.stream.held_out
    x, wanted = simulation.batches_of(held).evaluation(VALIDATION)
    said = unseen.answers(simulation.gating, simulation.stream, held, x)
    assert said["task"].score(wanted) == 0.0
    assert said["task"].spikes_per_sample == said["task"].operations_per_sample == 0.0
