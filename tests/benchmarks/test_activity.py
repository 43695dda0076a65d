from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks.activity import Meter, activity
from smalti.analysis.runs import load_run
from smalti.scheduler.config import Config
from smalti.scheduler.runner import start
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]


class Stop(Exception):
    pass


def test_activity_is_that_of_the_membranes_the_network_shows(finished_run: Path) -> None:
    """Hidden neurons read as if they were outputs; the default's support has half-width 1 around the threshold 1."""
    simulation = Meter().restored(finished_run)
    assert simulation is not None
    inside, fired = [], []
    for experience in simulation.stream.experiences:
        expert = simulation.gating.find(experience.classes)
        assert expert is not None
        x, _ = simulation.batches_of(experience).training(0)
        hidden = torch.tensor(expert.neurons)
        with torch.no_grad():
            shown = simulation.network.run(x, hidden, simulation.gating.running(expert))
        width, threshold = simulation.config.network.surrogate_width, simulation.config.network.threshold
        inside.append(float(((shown.membrane - threshold).abs() < width).double().mean()))
        fired.append(float(shown.counts[hidden].double().mean()) / x.shape[1])
    assert activity(simulation) == pytest.approx((sum(inside) / 2, sum(fired) / 2))
    assert 0 < min(inside) <= max(inside) < 1
    assert min(fired) > 0


def test_a_run_is_measured_and_left_as_it_is(finished_run: Path) -> None:
    before = {file: file.read_bytes() for file in finished_run.rglob("*") if file.is_file()}
    meter = Meter()
    first, second = meter.trial(finished_run, "class"), meter.trial(finished_run, "class")
    assert first is not None
    assert first == second
    table = load_run(finished_run).table("evaluations")
    last = table[(table["setting"] == "class") & (table["split"] == "validation") & (table["after"] == 1)]
    assert first.accuracy == pytest.approx((last["accuracy"] * last["samples"]).sum() / last["samples"].sum())
    assert first.neurons == load_run(finished_run).table("rounds")["neurons"].iloc[-1]
    assert len(meter.loaded) == 1
    assert {file: file.read_bytes() for file in finished_run.rglob("*") if file.is_file()} == before


def test_runs_that_are_missing_or_unfinished_are_left_out(tiny: MakeConfig, tmp_path: Path) -> None:
    def stop(simulation: Simulation) -> None:
        if simulation.round == 4:  # of 6: the first experience is evaluated
            raise Stop

    with pytest.raises(Stop):
        start(tiny(), tmp_path / "half", stop)
    assert Meter().trial(tmp_path / "half", "class") is None
    assert Meter().trial(tmp_path / "none", "class") is None
