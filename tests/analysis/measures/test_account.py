"""The account of an answer, by hand and against what the parts say of themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from smalti.analysis.hardware.footprint import footprint
from smalti.analysis.measures.account import SUMS, account, work
from smalti.analysis.outcomes import measures
from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run

TOOK = {
    "operations_per_sample": 100.0,
    "gate_adds_per_sample": 40.0,
    "gate_counted_spikes": 5.0,
    "multiplications_per_sample": 30.0,
    "gate_multiplications_per_sample": 20.0,
    "gate_stored_values": 7,
    "gate_latency": 3.5,
    "latency": 13.5,
}


def row(setting: str, accuracy: float, samples: int, **took: float) -> dict[str, Any]:
    told = {"after": 1, "on": 0, "setting": setting, "split": "test", "accuracy": accuracy, "samples": samples}
    return told | TOOK | took


@pytest.fixture
def run(tables: Any) -> Any:
    """A chip of 9 devices and 3 living neurons that hears two channels, one of them in two tiles."""
    alone = {"operations_per_sample": 0.0, "multiplications_per_sample": 0.0, "gate_latency": 0.0, "latency": 3.5}
    rows = [
        row("class", 1.0, 30),
        row("class", 0.5, 10, operations_per_sample=20.0),
        row("gate", 0.75, 40, **alone),
        row("class", 0.0, 99) | {"after": 0},
    ]
    return tables(
        {},
        {
            "rounds": pd.DataFrame({"devices": [4, 9]}),
            "neurons": pd.DataFrame({"retired_round": pd.array([None, 1, None, None], dtype="Int32")}),
            "links": pd.DataFrame({"kind": ["input", "input", "input", "local"], "source": [8, 9, 9, 0]}),
            "evaluations": pd.DataFrame(rows),
        },
    )


def test_by_hand(run: Any) -> None:
    told = account(run)
    assert list(told.index) == ["class", "gate"]
    whole, alone = told.loc["class"], told.loc["gate"]
    assert whole["accuracy"] == 0.875
    assert whole["adds"] == 80 + 40 + 5  # the chip's: (30 * 100 + 10 * 20) / 40
    assert whole["multiplications"] == 30 + 20
    assert whole["bytes"] == 4 * (9 + 3) + 4 * 7 + 4 * 2 / 8  # two channels wait for up to four steps
    assert whole["latency"] == 13.5
    assert (alone["adds"], alone["multiplications"], alone["bytes"], alone["latency"]) == (45, 20, 28, 3.5)


def test_tables_that_know_too_little_have_no_account(run: Any) -> None:
    del run.table("evaluations")["latency"]
    assert list(account(run).columns) == []


def test_a_setting_that_was_not_asked_in_the_end_has_no_account(run: Any) -> None:
    """A gate that is told the task answers without a label only while there is a single expert."""
    early = run.table("evaluations")["after"] == 0
    assert work(run, run.table("evaluations")[early]) != {}
    assert work(run, run.table("evaluations")[early & ~early]) == {}


def test_of_a_run(finished_run: Path) -> None:
    """Every living neuron of the expert leaks at every step; the gate has heard the sample before it begins."""
    run = load_run(finished_run)
    simulation, whole = restored(run), account(run, "validation").loc["class"]
    chip, gate, steps = footprint(run), simulation.gating.gate, simulation.stream.steps
    sizes = [len(expert.members()) * steps for expert in simulation.gating.experts]
    assert min(sizes) <= whole["multiplications_chip"] <= max(sizes)
    assert whole["multiplications_gate"] == gate.multiplications_per_sample
    assert whole["adds_chip"] == pytest.approx(chip.operations)
    assert whole["adds_gate"] == gate.adds_per_sample
    assert whole["bytes_chip"] == chip.footprint
    assert whole["bytes_gate"] == chip.footprint_gate
    assert whole["bytes_buffer"] == steps * simulation.stream.channels / 8
    assert whole["latency"] == 2 * steps
    found = measures(run, "class", "validation")
    assert {name: found[name] for name in SUMS} == pytest.approx(dict(whole[list(SUMS)]))
