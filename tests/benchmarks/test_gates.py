from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.gates import COSTS, conditions, listen, measure, view
from smalti.analysis.outcomes import accuracy
from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run
from smalti.model.gating import GatingOptions
from smalti.model.gating.networks import GATING


def test_a_gate_shown_afterwards_knows_what_it_would_have_known(finished_run: Path) -> None:
    simulation = restored(load_run(finished_run))
    during = simulation.gating.gate.state_dict()
    experts = simulation.gating.experts
    listen(simulation, simulation.config.gating)
    after = simulation.gating.gate.state_dict()
    assert simulation.gating.experts == experts
    assert during.keys() == after.keys()
    assert all((during[name] == after[name]).all() for name in during)
    found = measure(simulation, simulation.config.gating)
    run = load_run(finished_run)
    assert found["answer"] == pytest.approx(accuracy(run, "class"))
    assert found["gate"] == pytest.approx(accuracy(run, "gate"))


def test_all_gates_are_compared(finished_run: Path) -> None:
    simulation = restored(load_run(finished_run))
    wanted = {name: replace(options, listen=min(options.listen, 8)) for name, options in conditions().items()}
    assert {options.network for options in wanted.values()} == {*GATING} - {"crossbar", "levels"}
    results = {name: [measure(simulation, options)] for name, options in wanted.items()}
    assert all(set(run) == {"answer", "gate", *COSTS} for (run,) in results.values())
    assert results["seed"][0]["spikes_per_sample"] > results["gaussian"][0]["spikes_per_sample"]
    assert results["gaussian, listen 10"][0]["gate_latency"] == 8
    assert view(results).row_count == len(wanted)
    assert measure(simulation, GatingOptions(network="label"))["answer"] == results["label"][0]["answer"]
