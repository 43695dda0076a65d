from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from smalti.analysis.measures.metrics import (
    Floats,
    accuracy_matrix,
    average_accuracy,
    average_incremental_accuracy,
    backward_transfer,
    forgetting,
    forward_transfer,
    initial_accuracy,
    mean_interval,
    paired_difference,
)

# Every cell is different; experience 1 is known best after experience 2, experience 2 at the end.
R = np.array(
    [
        [0.90, 0.11, 0.07, 0.05],
        [0.70, 0.80, 0.13, 0.03],
        [0.61, 0.85, 0.95, 0.17],
        [0.50, 0.60, 0.97, 0.88],
    ]
)
INITIAL = np.array([0.99, 0.10, 0.20, 0.04])


def test_average_accuracy_is_the_mean_of_the_last_row() -> None:
    assert average_accuracy(R) == pytest.approx((0.50 + 0.60 + 0.97 + 0.88) / 4)


def test_backward_transfer_leaves_out_the_last_experience() -> None:
    assert backward_transfer(R) == pytest.approx(((0.50 - 0.90) + (0.60 - 0.80) + (0.97 - 0.95)) / 3)


def test_forgetting_is_from_the_best_before_the_end() -> None:
    assert forgetting(R) == pytest.approx(((0.90 - 0.50) + (0.85 - 0.60) + (0.95 - 0.97)) / 3)


def test_forgetting_ignores_what_was_known_before_learning() -> None:
    lucky = R.copy()
    lucky[0, 1] = 1.0
    assert forgetting(lucky) == forgetting(R)


def test_forward_transfer_is_above_the_diagonal_and_leaves_out_the_first_experience() -> None:
    expected = ((0.11 - 0.10) + (0.13 - 0.20) + (0.17 - 0.04)) / 3
    assert forward_transfer(R, INITIAL) == pytest.approx(expected)


def test_average_incremental_accuracy_is_over_experiences_seen_so_far() -> None:
    rows = [0.90, (0.70 + 0.80) / 2, (0.61 + 0.85 + 0.95) / 3, (0.50 + 0.60 + 0.97 + 0.88) / 4]
    assert average_incremental_accuracy(R) == pytest.approx(sum(rows) / 4)


def test_one_experience_has_accuracy_but_no_transfer() -> None:
    one = np.array([[0.7]])
    assert average_accuracy(one) == average_incremental_accuracy(one) == 0.7
    for value in (backward_transfer(one), forgetting(one), forward_transfer(one, np.array([0.1]))):
        assert math.isnan(value)


def test_measures_need_no_more_cells_than_their_formula() -> None:
    lower = np.where(np.tri(4, dtype=bool), R, np.nan)
    for measure in (average_accuracy, backward_transfer, forgetting, average_incremental_accuracy):
        assert measure(lower) == measure(R)
    above = np.full((4, 4), np.nan)
    above[[0, 1, 2], [1, 2, 3]] = R[[0, 1, 2], [1, 2, 3]]
    assert forward_transfer(above, np.array([np.nan, *INITIAL[1:]])) == forward_transfer(R, INITIAL)


@pytest.mark.parametrize(
    ("measure", "cell"),
    [
        (average_accuracy, (3, 2)),
        (backward_transfer, (1, 1)),
        (backward_transfer, (3, 0)),
        (forgetting, (2, 1)),
        (average_incremental_accuracy, (2, 0)),
        (lambda r: forward_transfer(r, INITIAL), (1, 2)),
    ],
)
def test_a_needed_cell_that_is_missing_is_named(measure: Callable[[Floats], float], cell: tuple[int, int]) -> None:
    holed = R.copy()
    holed[cell] = np.nan
    with pytest.raises(ValueError, match=f"after experience {cell[0]} on experience {cell[1]} is needed"):
        measure(holed)


def test_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"shape \(3, 4\)"):
        average_accuracy(R[:3])
    with pytest.raises(ValueError, match=r"shape \(0, 0\)"):
        average_accuracy(R[:0, :0])
    with pytest.raises(ValueError, match="one for each"):
        forward_transfer(R, INITIAL[1:])
    with pytest.raises(ValueError, match="before any learning"):
        forward_transfer(R, np.array([0.1, np.nan, 0.1, 0.1]))


def table() -> pd.DataFrame:
    rows = [(-1, j, "class", "test", INITIAL[j], 90) for j in (0, 1)]
    rows += [(i, j, "class", "test", R[i, j], 90) for i in (1, 0, 2) for j in range(i + 1)]
    rows += [(i, j, "task", "test", 1.0, 90) for i in range(5) for j in range(5)]
    rows += [(0, 0, "class", "validation", 0.5, 90)]
    columns = ["after", "on", "setting", "split", "accuracy", "samples"]
    return pd.DataFrame(rows, columns=columns).sample(frac=1.0, random_state=0)


def test_accuracy_matrix_takes_its_rows_only_and_leaves_gaps_nan() -> None:
    expected = np.where(np.tri(3, dtype=bool), R[:3, :3], np.nan)
    np.testing.assert_array_equal(accuracy_matrix(table(), "class", "test"), expected)
    np.testing.assert_array_equal(initial_accuracy(table(), "class", "test"), [0.99, 0.10, np.nan])
    np.testing.assert_array_equal(accuracy_matrix(table(), "class", "validation"), [[0.5]])
    np.testing.assert_array_equal(initial_accuracy(table(), "class", "validation"), [np.nan])


def test_an_unfinished_run_has_a_matrix_of_all_its_experiences() -> None:
    rows = table()[(table()["after"] < 0) | (table()["after"] == 0)]
    matrix = accuracy_matrix(rows, "class", "test")
    np.testing.assert_array_equal(matrix, [[0.90, np.nan], [np.nan, np.nan]])
    with pytest.raises(ValueError, match="after experience 1 on experience 0 is needed"):
        average_accuracy(matrix)


def test_evaluations_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no evaluation has setting 'domain'.*\('class', 'test'\)"):
        accuracy_matrix(table(), "domain", "test")
    with pytest.raises(ValueError, match=r"lack the columns \['on'\]"):
        accuracy_matrix(table().drop(columns="on"), "class", "test")
    doubled = pd.concat([table(), table().query("after == 2 and on == 1 and setting == 'class'")])
    with pytest.raises(ValueError, match="are after 2 on 1"):
        accuracy_matrix(doubled, "class", "test")


def test_the_interval_of_a_mean_is_that_of_its_bootstrap_distribution() -> None:
    values = np.array([0.0, 1.0, 5.0])
    means = sorted(np.mean(drawn) for drawn in itertools.product(values, repeat=3))  # all 27 resamples
    mean, low, high = mean_interval(values, 0, confidence=0.8, resamples=20_000)
    assert mean == 2.0
    assert (low, high) == pytest.approx((means[2], means[24]))
    assert mean_interval(values, 0, confidence=0.8).low < mean_interval(values, 0, confidence=0.2).low


@pytest.mark.parametrize(
    ("values", "message"),
    [([1.0], "give a list of 2 or more"), ([[1.0], [2.0]], "2 or more"), ([1.0, math.inf], "nan")],
)
def test_the_interval_of_a_mean_needs_finite_values(values: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mean_interval(np.array(values), 0)


def test_paired_difference_covers_the_standard_interval_of_the_mean() -> None:
    rng = np.random.default_rng(0)
    b = rng.normal(size=200)
    a = b + rng.normal(0.5, 0.1, size=200)
    mean, low, high = paired_difference(a, b, 1)
    error = float(np.std(a - b, ddof=1)) / math.sqrt(200)
    assert mean == pytest.approx(np.mean(a - b))
    assert (low, high) == pytest.approx((mean - 1.96 * error, mean + 1.96 * error), abs=0.15 * error)


def test_paired_difference_of_equal_pairs_has_no_width() -> None:
    values = np.array([0.25, 0.5, 0.75])
    assert paired_difference(values + 0.25, values, 0) == (0.25, 0.25, 0.25)


def test_paired_difference_follows_its_seed() -> None:
    a, b = np.array([0.1, 0.9, 0.3, 0.5]), np.array([0.2, 0.4, 0.3, 0.1])
    first = paired_difference(a, b, np.random.default_rng(3), resamples=200)
    assert first == paired_difference(a, b, 3, resamples=200)
    assert first != paired_difference(a, b, 4, resamples=200)
    narrow = paired_difference(a, b, 3, confidence=0.5)
    assert first.low < narrow.low < narrow.mean < narrow.high < first.high


@pytest.mark.parametrize(
    ("a", "b", "confidence", "message"),
    [
        ([1.0, 2.0], [1.0], 0.95, "equal length"),
        ([1.0], [1.0], 0.95, "equal length"),
        ([1.0, math.nan], [1.0, 2.0], 0.95, "nan"),
        ([1.0, 2.0], [1.0, 2.0], 1.0, "between 0 and 1"),
    ],
)
def test_paired_difference_refuses(a: list[float], b: list[float], confidence: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        paired_difference(np.array(a), np.array(b), 0, confidence=confidence)
