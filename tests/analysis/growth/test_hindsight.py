"""The best widths in hindsight, against all choices and on a case by hand."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from smalti.analysis.growth.hindsight import alone, best_widths


def test_the_task_that_gains_most_gets_the_neurons() -> None:
    values = pd.DataFrame({0: [0.9, 0.4, 0.3], 4: [0.92, 0.8, 0.55], 8: [0.93, 0.9, 0.99]}, index=[7, 3, 5])
    assert best_widths(values, 12).to_dict() == {7: 0, 3: 4, 5: 8}
    assert best_widths(values, 8).to_dict() == {7: 0, 3: 0, 5: 8}
    assert best_widths(values, 3).to_dict() == {7: 0, 3: 0, 5: 0}


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_better_among_all_choices(seed: int) -> None:
    chance = np.random.default_rng(seed)
    values = pd.DataFrame(chance.random((5, 4)), columns=[0, 1, 3, 6])
    slots = int(chance.integers(0, 25))
    chosen = best_widths(values, slots)
    assert chosen.sum() <= slots
    every = (way for way in product(values.columns, repeat=5) if sum(way) <= slots)
    best = max(sum(values.loc[task, width] for task, width in enumerate(way)) for way in every)
    assert sum(values.loc[task, width] for task, width in chosen.items()) == pytest.approx(best)


def test_too_little_room_for_the_narrowest_is_said() -> None:
    with pytest.raises(ValueError, match="2 tasks of 3 neurons need more than 5 slots"):
        best_widths(pd.DataFrame({3: [0.1, 0.2]}), 5)


def asked(accuracies: dict[int, float]) -> pd.DataFrame:
    rows = [{"after": 1, "on": on, "setting": "task", "split": "test", "accuracy": a} for on, a in accuracies.items()]
    early = {"after": 0, "on": 0, "setting": "task", "split": "test", "accuracy": 0.0}
    return pd.DataFrame([early, *rows, {**rows[0], "setting": "class", "accuracy": 0.1}])


def test_values_are_those_of_the_end_with_the_task_told(tables: Any) -> None:
    runs = {
        8: tables({}, {"evaluations": asked({1: 0.9, 0: 0.6})}),
        3: tables({}, {"evaluations": asked({0: 0.5, 1: 0.7})}),
    }
    values = alone(runs, "test")
    assert list(values.columns) == [3, 8]
    assert values.to_dict() == {3: {0: 0.5, 1: 0.7}, 8: {0: 0.6, 1: 0.9}}
    runs[8] = tables({}, {"evaluations": asked({0: 0.5})})
    with pytest.raises(ValueError, match="different tasks"):
        alone(runs, "test")
