from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from smalti.analysis.hardware.architecture import Architecture, Costs, Power, Times, Units
from smalti.analysis.hardware.energy import ALL, energy, totals

JOULES = Costs(synaptic_operation=2.0, hop_r1=3.0, hop_r0=5.0, membrane_update=0.5, write=7.0)
SECONDS = Times(synaptic_operation=1.0, hop_r0=10.0)
CHIP = Architecture(
    name="mine",
    source="none",
    units=Units(energy="J", time="s", power="W"),
    energy=JOULES,
    time=SECONDS,
)


def asked(after: int, on: int, samples: int, operations: float) -> dict[str, object]:
    """10 spikes a sample, 8 hops of which 2 at corners, 40 leaks, 20 steps; the gate adds 6 + 4 and multiplies 3."""
    return {
        **{"after": after, "on": on, "setting": "class", "split": "test", "samples": samples},
        "spikes_per_sample": 10.0,
        "hop_spikes_per_sample": 8.0,
        "corner_hop_spikes_per_sample": 2.0,
        "operations_per_sample": operations,
        "multiplications_per_sample": 40.0,
        "gate_adds_per_sample": 6.0,
        "gate_counted_spikes": 4.0,
        "gate_multiplications_per_sample": 3.0,
        "latency": 20.0,
    }


@pytest.fixture
def run(tables: type) -> Any:
    evaluations = [asked(0, 0, 10, 1e6), asked(1, 0, 10, 100.0), asked(1, 1, 30, 200.0)]
    rounds = pd.DataFrame({"task": [0, 0, 1], "operations": [10.0, 20.0, 40.0], "writes": [5, 0, 2]})
    config = {"stream": {"setting": "class"}}
    return tables(config, {"evaluations": pd.DataFrame(evaluations), "rounds": rounds})


def test_counts_times_costs_by_hand(run: Any) -> None:
    table = energy(run, CHIP).set_index(["part", "task", "what"])
    assert table.loc[("answer", "1", "synaptic_operation")].tolist() == [200.0, 400.0, 200.0]
    assert table.loc[("answer", ALL, "synaptic_operation"), "joules"] == 2 * (10 * 100 + 30 * 200) / 40
    assert table.loc[("answer", "0", "hop_r1"), "joules"] == 3 * (8 - 2)
    assert table.loc[("answer", "0", "hop_r0")].tolist() == [2.0, 10.0, 20.0]
    assert table.loc[("answer", "0", "membrane_update"), "joules"] == 20.0
    assert table.loc[("training", "0", "write"), "joules"] == 7 * 5
    assert table.loc[("training", ALL, "write")].tolist()[:2] == [7.0, 49.0]
    assert table.loc[("training", ALL, "synaptic_operation"), "joules"] == 2 * 70


def test_sums_by_hand(run: Any) -> None:
    sums = totals(energy(run, CHIP)).set_index(["part", "task"])
    assert sums.loc[("answer", "0")].tolist() == [2 * 100 + 18 + 10 + 20, 100 + 20]
    assert sums.loc[("training", "1")].tolist() == [2 * 40 + 7 * 2, 40]


def test_the_gate_is_counted_and_costs_nothing_unless_the_file_says_so(run: Any) -> None:
    rows = energy(run, CHIP).set_index(["part", "task", "what"])
    assert rows.loc[("answer", "0", "gate_addition"), "count"] == 6 + 4
    assert math.isnan(rows.loc[("answer", "0", "gate_addition"), "joules"])
    priced = replace(CHIP, energy=replace(JOULES, gate_addition=0.25, gate_multiplication=2.0))
    rows = energy(run, priced).set_index(["part", "task", "what"])
    assert rows.loc[("answer", "0", "gate_addition"), "joules"] == 2.5
    assert rows.loc[("answer", "0", "gate_multiplication"), "joules"] == 6.0


def test_static_power_lasts_as_long_as_an_answer(run: Any) -> None:
    """One after another: 100 operations of 1 s and 2 hops of 10 s. In steps: 20 of half a second."""
    drawing = replace(CHIP, power=Power(static=4.0))
    for chip, seconds in ((drawing, 120.0), (replace(drawing, time=Times(step=0.5)), 10.0)):
        table = energy(run, chip)
        rows = table.set_index(["part", "task", "what"])
        assert rows.loc[("answer", "0", "static")].tolist()[:2] == [seconds, 4 * seconds]
        assert totals(table).set_index(["part", "task"]).loc[("answer", "0"), "seconds"] == seconds
    with pytest.raises(ValueError, match=r"power\.static needs to know how long an answer takes: give time\.step"):
        energy(run, replace(drawing, time=Times()))


def test_without_any_cost_there_are_counts_and_no_joules(run: Any) -> None:
    table = energy(run, replace(CHIP, energy=Costs(), time=Times()))
    assert table["joules"].isna().all()
    assert totals(table)["joules"].isna().all()


def test_runs_that_were_not_asked_or_are_too_old(tables: type, run: Any) -> None:
    config, evaluations = run.config, run.table("evaluations")
    with pytest.raises(ValueError, match="no evaluation of split 'validation'"):
        energy(run, CHIP, "validation")
    old = evaluations.drop(columns="corner_hop_spikes_per_sample")
    with pytest.raises(ValueError, match="older version, which did not tell hops apart"):
        energy(tables(config, {"evaluations": old, "rounds": run.table("rounds")}), CHIP)
