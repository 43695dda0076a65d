from __future__ import annotations

import pandas as pd
import pytest

from smalti.analysis.measures import curves
from smalti.analysis.measures.curves import (
    after_growth,
    compute_to_static,
    last_birth,
    operations_to_reach,
    steps_to_control,
    steps_to_reach,
    validation_curve,
)

ROUNDS = pd.DataFrame(
    {
        "step": [100, 200, 300, 400, 500, 600],
        "born": [30, 0, 10, 0, 0, 0],
        "validation": [0.1, 0.4, 0.7, 0.7, 0.9, 0.95],
        "loss": [2.0, 1.5, 1.0, 0.8, 0.6, 0.5],
        "operations": [10.0, 10.0, 20.0, 30.0, 30.0, 30.0],
    }
)


def test_what_it_takes_to_reach_an_accuracy() -> None:
    """The smoothed curve is .1, .25, .4, .6, .767, .85; the last birth was at step 300."""
    assert validation_curve(ROUNDS).tolist() == pytest.approx([0.1, 0.25, 0.4, 0.6, 2.3 / 3, 0.85])
    assert last_birth(ROUNDS) == 300
    assert steps_to_reach(ROUNDS, 0.7) == 200
    assert steps_to_reach(ROUNDS, 0.2) == -100
    assert steps_to_reach(ROUNDS, 0.99) == float("inf")
    assert operations_to_reach(ROUNDS, 0.6) == 70
    assert operations_to_reach(ROUNDS, 0.604) == 70  # half a point counts as level
    assert operations_to_reach(ROUNDS, 0.61) == 100
    assert operations_to_reach(ROUNDS, 0.99) == float("inf")


def test_after_growth_it_is_read_off_so_many_steps_later_or_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert after_growth(ROUNDS) == pytest.approx({"accuracy_after": 0.85, "loss_after": 0.5})
    monkeypatch.setattr(curves, "AFTER", 200)
    assert after_growth(ROUNDS) == pytest.approx({"accuracy_after": 2.3 / 3, "loss_after": 0.6})


def test_runs_are_compared_by_steps_and_by_operations() -> None:
    slow = ROUNDS.assign(validation=ROUNDS["validation"] / 2)
    assert steps_to_control(ROUNDS, slow) == 100  # the slow one ends at .425, reached by step 400
    assert steps_to_control(slow, ROUNDS) == 300  # never: its last step counts
    assert compute_to_static(ROUNDS, slow) == pytest.approx(70 / 130)
    assert compute_to_static(slow, ROUNDS) == 1.0


def test_a_run_without_curve_is_refused() -> None:
    broken = ROUNDS.assign(validation=[0.1, float("nan"), 0.2, 0.3, 0.4, 0.5])
    assert after_growth(broken) == {}
    with pytest.raises(ValueError, match=r"training\.validate = true"):
        validation_curve(broken)
