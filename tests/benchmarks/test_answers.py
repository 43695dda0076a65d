from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.answers import CHANNELS, STEPS, WAYS, measure, recordings, view
from smalti.analysis.outcomes import accuracy
from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run
from smalti.scheduler.answers.reliability import ALIKE


def test_the_way_of_the_run_answers_as_the_run_did(finished_run: Path) -> None:
    simulation, run = restored(load_run(finished_run)), load_run(finished_run)
    options = simulation.config.gating
    found = measure(simulation, options.weigh, options.choose)
    assert found["validation", "class"] == pytest.approx(accuracy(run, "class"))
    assert found["validation", "gate"] == pytest.approx(accuracy(run, "gate"))
    assert found["test", "class"] == pytest.approx(accuracy(run, "class", split="test"))


def test_all_ways_are_compared(finished_run: Path) -> None:
    simulation = restored(load_run(finished_run))
    found = {way: measure(simulation, *settings) for way, settings in WAYS.items()}
    assert set(found) == {"alike, expert", "alike, class", "validated, expert", "validated, class"}
    assert view("blobs", [found]).row_count == len(found)
    measure(simulation, "alike", "class")
    assert all(expert.exponents == ALIKE for expert in simulation.gating.experts)


def test_recordings_are_spikes() -> None:
    x = recordings().arrays["x"]
    assert x.shape[1:] == (STEPS, CHANNELS)
    assert set(x.ravel().tolist()) == {0.0, 1.0}
