from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.work import Works, conditions, measure, measure_gate, on_chip, trials, view
from smalti.analysis.measures.account import account
from smalti.analysis.outcomes import accuracy
from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run
from smalti.model.gating.networks import staged
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.runner import start


def test_the_gate_of_the_run_takes_what_the_run_says(finished_run: Path) -> None:
    run = load_run(finished_run)
    simulation = restored(run)
    found, told = measure_gate(simulation, simulation.config.gating), account(run, "test").loc["class"]
    assert found["validation"] == pytest.approx(accuracy(run, "class"))
    assert found["test"] == pytest.approx(accuracy(run, "class", "test"))
    for name, column in (("adds", "adds"), ("multiplications", "multiplications"), ("latency", "latency")):
        assert found[name] == pytest.approx(told[column])  # tasks have as many test samples each


@pytest.mark.parametrize("stream", ["digits", "fsdd"])
def test_all_gates_are_compared(finished_run: Path, stream: str) -> None:
    simulation = restored(load_run(finished_run))
    found = {name: [measure_gate(simulation, options)] for name, options in conditions(stream).items()}
    assert found["staged"][0]["gate_adds_per_sample"] < found["staged, all classes"][0]["gate_adds_per_sample"] + 1
    assert found["lda"][0]["gate_adds_per_sample"] < found["gaussian"][0]["gate_adds_per_sample"]
    assert found["staged, early exit"][0]["latency"] <= 24
    assert found["trunk"][0]["latency"] == 12
    table = view(stream, {"joint net": [measure(simulation, "class")], **found})
    assert table.row_count == len(found) + 1


def test_every_seed_has_a_growing_net_and_a_joint_one() -> None:
    wanted = trials(Works(seeds=2))
    assert list(wanted) == [f"digits-{kind}{seed}" for kind in ("grown", "joint", "roomy") for seed in (0, 1)]
    settings = [(config.stream.setting, config.gating.experts, config.run.seed) for config in wanted.values()]
    assert settings[:4] == [("class", "task", 0), ("class", "task", 1), ("joint", "shared", 0), ("joint", "shared", 1)]
    roomy = replace(wanted["digits-grown1"].fabric, neurons_per_tile=192)
    assert wanted["digits-roomy1"] == replace(wanted["digits-grown1"], fabric=roomy)


@pytest.mark.parametrize("stream", ["digits", "fsdd"])
def test_a_gate_on_the_chip_gets_its_columns_after_every_experience(tmp_path: Path, blobs: Path, stream: str) -> None:
    changes = {"stream": {"name": "arrays", "path": str(blobs), "steps": 14}, "training": {"rounds": 1, "steps": 2}}
    start(configure({**changes, "fabric.neurons_per_tile": 96}), tmp_path / "run", lambda simulation: None)
    run, found = load_run(tmp_path / "run"), dict[str, dict[str, float]]()
    for name, options in on_chip(stream).items():
        simulation = restored(run)
        found[name] = measure_gate(simulation, options)
        (chip,) = (one for one in [staged.on_chip(simulation.gating.gate)] if one is not None)
        assert set(chip.classes) == {label for one in simulation.stream.experiences for label in one.classes}
        assert not chip.without_columns
    assert found["crossbar"]["chip_values"] < found["crossbar, 2 centres"]["chip_values"]
    assert found["crossbar"]["operations_per_sample"] < found["crossbar, 4 centres"]["operations_per_sample"]
    assert found["crossbar"]["gate_counted_spikes"] == 0.0
    assert found["crossbar"]["latency"] == 28
