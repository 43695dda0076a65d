"""Measures of continual learning from accuracies after each experience. Knows no files and no plots.

T experiences are numbered from 0. R[i, j] is the accuracy on experience j after learning experience i, b[j]
that before learning anything; i and j start at 0, the last row of R is T - 1.
Each experience weighs equally, whatever its number of samples. Where tasks come in another order than their
numbers, columns follow the order in which they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy as copy
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_RESAMPLED = 10_000_000  # numbers in memory at once
COLUMNS = ("after", "on", "setting", "split", "accuracy")


def _select(evaluations: pd.DataFrame, setting: str, split: str) -> pd.DataFrame:
    missing = [c for c in COLUMNS if c not in evaluations.columns]
    if missing:
        raise ValueError(f"the evaluations lack the columns {missing}; they have {list(evaluations.columns)}")
    chosen = evaluations[(evaluations["setting"] == setting) & (evaluations["split"] == split)]
    if chosen.empty:
        there = evaluations[["setting", "split"]].drop_duplicates().itertuples(index=False, name=None)
        raise ValueError(f"no evaluation has setting {setting!r} and split {split!r}; there are {sorted(there)}")
    twice = chosen[chosen.duplicated(["after", "on"])]
    if not twice.empty:
        after, on = twice.iloc[0][["after", "on"]]
        raise ValueError(f"two evaluations of setting {setting!r}, split {split!r} are after {after} on {on}")
    return chosen


def accuracy_matrix(evaluations: pd.DataFrame, setting: str, split: str, order: Sequence[int] = ()) -> Floats:
    """R [E, E]: row i after experience i, column j on the task of experience j; NaN where not evaluated.

    Args:
        evaluations: the table of that name; its rows after -1 (before any learning) are left to
            ``initial_accuracy``.
        setting: task, domain, class or joint.
        split: validation or test.
        order: task of every experience, each once; empty where experience j is task j.

    Raises:
        ValueError: a column is missing, no row has this setting and split, or two rows are of the same cell.
    """
    chosen = _select(evaluations, setting, split)
    learned = chosen[chosen["after"] >= 0]
    places = _places(chosen, order)
    matrix = np.full((len(places), len(places)), np.nan)
    learned = learned[learned["on"].isin(places) & (learned["after"] < len(places))]
    row, column = learned["after"].to_numpy(int), learned["on"].map(places).to_numpy(int)
    matrix[row, column] = learned["accuracy"].to_numpy(float)
    return matrix


def initial_accuracy(evaluations: pd.DataFrame, setting: str, split: str, order: Sequence[int] = ()) -> Floats:
    """b [E], the accuracy on the task of each experience before any learning; NaN where not evaluated.

    Arguments and errors are those of ``accuracy_matrix``.
    """
    chosen = _select(evaluations, setting, split)
    places = _places(chosen, order)
    vector = np.full(len(places), np.nan)
    before = chosen[(chosen["after"] < 0) & chosen["on"].isin(places)]
    vector[before["on"].map(places).to_numpy(int)] = before["accuracy"].to_numpy(float)
    return vector


def _places(chosen: pd.DataFrame, order: Sequence[int]) -> dict[int, int]:
    """Task -> the experience that brings it."""
    if len(set(order)) < len(order):
        raise ValueError(
            f"order = {list(order)} brings a task twice; what is forgotten is defined for tasks that come once"
        )
    size = int(max(chosen["after"].max(), chosen["on"].max())) + 1
    return {task: place for place, task in enumerate(order or range(size))}


def average_accuracy(r: Floats) -> float:
    """ACC = mean over j of R[T-1, j] (Lopez-Paz & Ranzato 2017), for R [T, T].

    Raises:
        ValueError: R is not square, or a cell it needs was not evaluated; so for all measures here.
    """
    t = _experiences(r)
    return _mean(r, [(t - 1, j) for j in range(t)])


def backward_transfer(r: Floats) -> float:
    """BWT = mean over j < T-1 of R[T-1, j] - R[j, j] (Lopez-Paz & Ranzato 2017); NaN for one experience."""
    t = _experiences(r)
    if t == 1:
        return float("nan")
    earlier = range(t - 1)
    return _mean(r, [(t - 1, j) for j in earlier]) - _mean(r, [(j, j) for j in earlier])


def forgetting(r: Floats) -> float:
    """F = mean over j < T-1 of max over j <= i < T-1 of R[i, j], less R[T-1, j]; NaN for one experience.

    Chaudhry et al. (2018). The maximum leaves out the last row, so that what is better at the end than
    ever before counts as negative, and the rows before j, when j had not been learned.
    """
    t = _experiences(r)
    if t == 1:
        return float("nan")
    _mean(r, [(i, j) for j in range(t - 1) for i in range(j, t)])  # all of them are needed
    return float(np.mean([r[j : t - 1, j].max() - r[t - 1, j] for j in range(t - 1)]))


def forward_transfer(r: Floats, initial: Floats) -> float:
    """FWT = mean over i >= 1 of R[i-1, i] - b[i] (Lopez-Paz & Ranzato 2017); NaN for one experience.

    Args:
        r: accuracies [T, T].
        initial: accuracies [T] before any learning, of the same random initialisation.
    """
    t = _experiences(r)
    if initial.shape != (t,):
        raise ValueError(f"initial accuracies have shape {initial.shape}, the matrix {r.shape}; give one for each")
    if t == 1:
        return float("nan")
    if np.isnan(initial[1:]).any():
        raise ValueError("forward transfer needs the accuracy on each experience before any learning (after = -1)")
    return _mean(r, [(i - 1, i) for i in range(1, t)]) - float(initial[1:].mean())


def average_incremental_accuracy(r: Floats) -> float:
    """Mean over i of the mean over j <= i of R[i, j] (Rebuffi et al. 2017, iCaRL)."""
    t = _experiences(r)
    return float(np.mean([_mean(r, [(i, j) for j in range(i + 1)]) for i in range(t)]))


class Difference(NamedTuple):
    """A mean, of values or of differences, and its confidence interval."""

    mean: float
    low: float
    high: float


def mean_interval(
    values: Floats,
    seed: int | np.random.Generator,
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
) -> Difference:
    """Mean of values and its percentile bootstrap interval (Efron & Tibshirani 1993, chapter 13; by scipy).

    Args:
        values: [n], n at least 2.
        seed: seed or numpy Generator of the resampling.
        confidence: probability that the interval is to cover.
        resamples: bootstrap samples.

    Raises:
        ValueError: fewer than two values, values that are not finite, or a confidence outside (0, 1).
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"values of shape {values.shape} have no interval; give a list of 2 or more")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence = {confidence} must lie between 0 and 1, such as 0.95")
    (mean,), (low,), (high,) = mean_intervals(values[None], seed, confidence=confidence, resamples=resamples)
    return Difference(float(mean), float(low), float(high))


def mean_intervals(
    values: Floats,
    seed: int | np.random.Generator,
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
) -> tuple[Floats, Floats, Floats]:
    """``mean_interval`` of every row of values [G, n], all resampled alike: means, lower and upper ends, [G] each.

    Raises:
        ValueError: a value is not finite.
    """
    if not np.isfinite(values).all():
        raise ValueError("the values hold nan or infinite numbers; leave those out")
    from scipy.stats import bootstrap  # not above: it takes a second, and a report of one run needs none

    low, high = np.empty(len(values)), np.empty(len(values))
    rows = max(1, MOST_RESAMPLED // (resamples * values.shape[1]))
    for first in range(0, len(values), rows):
        part = slice(first, first + rows)
        drawn = bootstrap(
            (values[part],),
            np.mean,
            n_resamples=resamples,
            confidence_level=confidence,
            method="percentile",
            axis=-1,
            vectorized=True,
            rng=copy(seed),
        )
        low[part], high[part] = drawn.confidence_interval
    return values.mean(axis=1), low, high


def paired_difference(
    a: Floats,
    b: Floats,
    seed: int | np.random.Generator,
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
) -> Difference:
    """Mean of a - b over pairs and its interval, as ``mean_interval`` gives it.

    Args:
        a: values [n] of one method, one for each seed or split.
        b: values [n] of the other, paired with ``a``.
        seed, confidence, resamples: as in ``mean_interval``.

    Raises:
        ValueError: not the same number of values, or differences that ``mean_interval`` refuses.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        raise ValueError(f"paired values have shapes {a.shape} and {b.shape}; give two lists of equal length >= 2")
    return mean_interval(a - b, seed, confidence=confidence, resamples=resamples)


def _experiences(r: Floats) -> int:
    if r.ndim != 2 or r.shape[0] != r.shape[1] or not len(r):
        raise ValueError(f"the accuracy matrix has shape {r.shape}; give [T, T], row i after experience i")
    return len(r)


def _mean(r: Floats, cells: list[tuple[int, int]]) -> float:
    for i, j in cells:
        if np.isnan(r[i, j]):
            raise ValueError(f"the accuracy after experience {i} on experience {j} is needed but was not evaluated")
    return float(np.mean([r[cell] for cell in cells]))
