from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth.seed_expert import open_expert
from smalti.scheduler.randomness import Use, generator
from smalti.scheduler.runner import resume, start
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import TaskBatches


@pytest.fixture(scope="session")
def cut_short() -> Callable[[Config, Path, int], None]:
    """(configuration, folder, rounds) -> a run that is stopped between two rounds, in the place of a crash."""

    class Stopped(Exception):
        pass

    def run(config: Config, folder: Path, rounds: int) -> None:
        def watch(simulation: Simulation) -> None:
            if simulation.round == rounds:
                raise Stopped

        with pytest.raises(Stopped):
            start(config, folder, watch)

    return run


@pytest.fixture
def check_resume(
    tmp_path: Path,
    cut_short: Callable[[Config, Path, int], None],
    timeless: Callable[[Path], dict[str, pd.DataFrame]],
    state_of: Callable[[Path], object],
) -> Callable[[Config, int], None]:
    """(configuration, rounds) -> a run that is stopped after these and resumed ends, bit for bit, as a whole one."""

    def check(config: Config, rounds: int) -> None:
        start(config, tmp_path / "whole", lambda simulation: None)
        cut_short(config, tmp_path / "run", rounds)
        assert resume(tmp_path / "run", lambda simulation: None).finished
        expected, found = timeless(tmp_path / "whole"), timeless(tmp_path / "run")
        assert found.keys() == expected.keys()
        for name, table in found.items():
            pd.testing.assert_frame_equal(table, expected[name], check_exact=True)
        assert state_of(tmp_path / "run") == state_of(tmp_path / "whole")

    return check


@pytest.fixture(scope="session")
def opened() -> Callable[[Simulation, int], Expert]:
    """(simulation, task) -> a new expert for the task, opened on its samples."""

    def make(simulation: Simulation, task: int) -> Expert:
        experience, seed = simulation.stream.experiences[task], simulation.config.run.seed
        expert = simulation.gating.add_expert(experience.classes)
        expert.meet(task, experience.classes, apart=False)
        x, _ = TaskBatches(experience, simulation.stream.steps, 16, seed).probe(32, task)
        open_expert(simulation.grower, expert, task, x, partial(generator, seed, Use.GROWTH, task, 0))
        return expert

    return make


@pytest.fixture
def shown_to_gate(monkeypatch: pytest.MonkeyPatch) -> Callable[[Simulation], dict[int, int]]:
    """simulation -> how many samples of each task its gating network is shown, counted while it goes on."""

    def watch(simulation: Simulation) -> dict[int, int]:
        seen: dict[int, int] = {}
        observe = simulation.gating.gate.observe

        def watched(counts: Tensor, labels: Tensor, task: int) -> None:
            seen[task] = seen.get(task, 0) + len(labels)
            observe(counts, labels, task)

        monkeypatch.setattr(simulation.gating.gate, "observe", watched)
        return seen

    return watch


@pytest.fixture(scope="session")
def small_base(blobs: Path) -> Callable[..., str]:
    """``small_base(rounds, setting, engine)``: what runs share that take a second each; [base.growth] comes last."""

    def text(rounds: int, setting: str = "class", engine: str = "auto") -> str:
        return f"""
[base.fabric]
rows = 2
cols = 2
neurons_per_tile = 8
wires = 8
corner_wires = 2
[base.network]
engine = "{engine}"
[base.stream]
name = "arrays"
path = "{blobs}"
setting = "{setting}"
steps = 12
[base.training]
rounds = {rounds}
steps = 3
batch = 16
[base.growth]
probe = 32
reserve = 0
"""

    return text
