from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.work import Works, conditions, measure, measure_gate, on_chip, trials, view
from smalti.analysis.account import account
from smalti.analysis.outcomes import accuracy
from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run


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
    assert list(wanted)[:4] == ["digits-grown0", "digits-grown1", "digits-joint0", "digits-joint1"]
    settings = [(config.stream.setting, config.gating.experts, config.run.seed) for config in wanted.values()]
    assert settings[:4] == [("class", "task", 0), ("class", "task", 1), ("joint", "shared", 0), ("joint", "shared", 1)]


@pytest.mark.parametrize("stream", ["digits", "fsdd"])
def test_who_stands_on_the_chip_has_runs_of_its_own(stream: str) -> None:
    wanted = trials(Works(stream=stream, seeds=1, path="recordings.zip" if stream == "fsdd" else ""))
    assert len(wanted) == 2 + len(on_chip(stream))
    assert wanted[f"{stream}-grown0"].gating.network == "gaussian"
    chips = [config for name, config in wanted.items() if "crossbar" in name]
    assert {config.gating.network for config in chips} == {"crossbar", "staged"}
    assert len({name for name in wanted if "crossbar" in name}) == len(on_chip(stream))
    for config in chips:  # a discriminant has a column in each north tile, beside neurons and the outputs of a task
        columns = 10 * max(config.gating.windows, 1) * config.gating.crossbar.centres
        assert columns < config.fabric.neurons_per_tile
