from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from smalti.analysis.anew.activity import spike_counts
from smalti.analysis.hardware.footprint import footprint, time_steps
from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run


def evaluation(after: int, on: int, samples: int, spikes: float, operations: float, gate: int = 0) -> dict[str, Any]:
    told = {"after": after, "on": on, "setting": "class", "split": "validation", "samples": samples}
    numbers = {"spikes_per_sample": spikes, "operations_per_sample": operations, "gate_adds_per_sample": 10}
    return {**told, **numbers, "gate_stored_values": gate}


@pytest.fixture
def chip(tables: Any) -> Any:
    """2 x 2 tiles of 4 slots and 2 wires a side, one of them dead: 3 * (4 + 8) * 4 = 144 crosspoints."""
    fabric = {"rows": 2, "cols": 2, "neurons_per_tile": 4, "wires": 2, "dead_tiles": [[1, 1]]}
    rows = [evaluation(0, 0, 99, 99.0, 99.0), evaluation(1, 0, 30, 10.0, 40.0, 7), evaluation(1, 1, 10, 2.0, 20.0, 7)]
    return tables(
        {"fabric": fabric, "stream": {"setting": "class", "steps": 10}},
        {
            "rounds": pd.DataFrame({"round": [0, 1], "neurons": [3, 4], "devices": [9, 36]}),
            "neurons": pd.DataFrame({"retired_round": pd.array([None, 1, None, None, None, None], dtype="Int32")}),
            "evaluations": pd.DataFrame(rows),
        },
    )


def test_by_hand(chip: Any) -> None:
    found = footprint(chip)
    assert found.footprint == 4 * 36 + 4 * 5
    assert found.footprint_chip == 4 * 144 + 4 * 12
    assert found.footprint_gate == 4 * 7
    assert found.connection_sparsity == 0.75
    assert found.activation_sparsity == pytest.approx(1 - 8 / (4 * 10))  # (30 * 10 + 10 * 2) / 40 = 8 spikes
    assert found.operations == (30 * 40 + 10 * 20) / 40
    assert found.dense_operations == 1440
    assert found.gate_operations == 10


def test_bytes_and_steps_are_the_users(chip: Any) -> None:
    found = footprint(chip, steps=20, weight_bytes=1, state_bytes=2)
    assert found.footprint == 36 + 2 * 5
    assert found.activation_sparsity == pytest.approx(1 - 8 / (4 * 20))
    with pytest.raises(ValueError, match="no evaluation of setting 'task' and split 'test'"):
        footprint(chip, split="test", setting="task")


def test_agrees_with_the_network_itself(finished_run: Path) -> None:
    run = load_run(finished_run)
    simulation, found = restored(run), footprint(run, setting="task")
    mask = simulation.network.state.mask
    assert found.connection_sparsity == pytest.approx(1 - float(mask.double().mean()))
    assert found.footprint_chip == 4 * (mask.numel() + simulation.fabric.neurons)
    counts = spike_counts(run)  # the same number of samples in both tasks
    assert found.activation_sparsity == pytest.approx(1 - counts.to_numpy().mean() / simulation.stream.steps)
    assert found.operations < found.dense_operations


@pytest.mark.parametrize("steps", [0, 7])
def test_steps_are_those_of_the_stream(finished_run: Path, steps: int) -> None:
    run = load_run(finished_run)
    run.config["stream"]["steps"] = steps
    assert time_steps(run) == (steps or 25)
