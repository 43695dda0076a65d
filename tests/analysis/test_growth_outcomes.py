from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from smalti.analysis import growth_outcomes
from smalti.analysis.growth_outcomes import last_birth, operations_to_reach, outcomes, steps_to_reach, validation_curve
from smalti.analysis.runs import Run

ROUNDS = pd.DataFrame(
    {
        "step": [100, 200, 300, 400, 500, 600],
        "born": [30, 0, 10, 0, 0, 0],
        "validation": [0.1, 0.4, 0.7, 0.7, 0.9, 0.95],
        "loss": [2.0, 1.5, 1.0, 0.8, 0.6, 0.5],
        "operations": [10.0, 10.0, 20.0, 30.0, 30.0, 30.0],
        "neurons": [30, 30, 40, 40, 40, 40],
        "wires": [5, 5, 9, 9, 9, 9],
        "hop_spikes_per_sample": [1.0] * 5 + [7.0],
        "seconds_train": [1.0] * 6,
        "seconds_evaluate": [0.5] * 6,
        "seconds_other": [0.25] * 6,
    }
)
LINKS = pd.DataFrame(
    {
        "kind": ["routed", "routed", "local", "input"],
        "hops": [3, 5, 0, 1],
        "retired_round": pd.array([None, 4, None, None]),
    }
)
EVALUATIONS = pd.DataFrame(
    {
        "after": [-1, 0, 0],
        "on": [0, 0, 0],
        "setting": ["joint"] * 3,
        "split": ["validation", "validation", "test"],
        "accuracy": [0.1, 0.93, 0.91],
        "samples": [10, 10, 10],
    }
)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    tables = {"rounds": ROUNDS, "links": LINKS, "evaluations": EVALUATIONS}
    monkeypatch.setattr(Run, "table", lambda self, name: tables[name])
    return Run(path=tmp_path, config={"stream": {"setting": "joint"}}, environment={})


def test_numbers_of_a_run_by_hand(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth_outcomes, "AFTER", 200)
    found = outcomes(run)
    assert found["accuracy"] == pytest.approx(0.93)
    assert outcomes(run, "test")["accuracy"] == pytest.approx(0.91)
    assert found["accuracy_after"] == pytest.approx((0.7 + 0.7 + 0.9) / 3)  # round 500 is 200 steps after that of 300
    assert found["loss_after"] == 0.6
    assert (found["loss"], found["neurons"], found["wires"], found["hops"]) == (0.5, 40, 9, 3)
    assert (found["hop_spikes"], found["operations"], found["seconds"]) == (7, 130, 6 * 1.75)


def test_after_the_end_the_last_round_counts(run: Run) -> None:
    assert outcomes(run)["loss_after"] == 0.5


def test_what_it_takes_to_reach_an_accuracy(run: Run) -> None:
    """The smoothed curve is .1, .25, .4, .6, .767, .85; the last birth was at step 300."""
    assert validation_curve(ROUNDS).tolist() == pytest.approx([0.1, 0.25, 0.4, 0.6, 2.3 / 3, 0.85])
    assert last_birth(ROUNDS) == 300
    assert steps_to_reach(run, 0.7) == 200
    assert steps_to_reach(run, 0.2) == -100
    assert steps_to_reach(run, 0.99) == float("inf")
    assert operations_to_reach(run, 0.6) == 70
    assert operations_to_reach(run, 0.604) == 70  # half a point counts as level
    assert operations_to_reach(run, 0.61) == 100
    assert operations_to_reach(run, 0.99) == float("inf")


def test_a_run_without_curve_is_refused() -> None:
    broken = ROUNDS.assign(validation=[0.1, float("nan"), 0.2, 0.3, 0.4, 0.5])
    with pytest.raises(ValueError, match=r"training\.validate = true"):
        validation_curve(broken)
