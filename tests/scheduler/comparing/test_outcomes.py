from __future__ import annotations

import numpy as np

from smalti.scheduler.comparing.outcomes import curves, outcomes

LOSSES = {
    "small": np.arange(0.0, 42.0).reshape(21, 2),
    "gradmax": np.arange(100.0, 142.0).reshape(21, 2),
}
COLUMNS = ["experiment", "setting", "rule", "placement", "timing", "seed", "metric", "value"]


def test_outcomes_are_the_last_losses_a_row_a_student() -> None:
    table = outcomes(LOSSES, "sgd")
    assert list(table.columns) == COLUMNS
    assert table[["rule", "seed", "value"]].to_numpy().tolist() == [
        ["small", 0, 40.0],
        ["small", 1, 41.0],
        ["gradmax", 0, 140.0],
        ["gradmax", 1, 141.0],
    ]
    assert table["timing"].tolist() == ["never", "never", "every 200 steps", "every 200 steps"]
    assert set(table["setting"]) == {"sgd"}
    assert set(table["experiment"]) == {"student-teacher"}
    assert set(table["metric"]) == {"training_loss"}


def test_curves_are_every_tenth_step_of_every_student() -> None:
    table = curves(LOSSES, "adam")
    assert set(table.columns) == {*COLUMNS, "step"}
    small = table[table["rule"] == "small"].pivot(index="step", columns="seed", values="value")
    assert small.index.tolist() == [0, 10, 20]
    np.testing.assert_array_equal(small.to_numpy(), LOSSES["small"][[0, 10, 20]])
