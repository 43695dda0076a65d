"""What a comparison came to: means with intervals, and paired differences to a control. Draws and prints nothing.

Outcomes are a long table with the columns of a ``Layout`` and seed, metric and value. Conditions are compared within
one scope and metric.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smalti.analysis.metrics import mean_interval, paired_difference

INTERVAL = ["mean", "low", "high", "n"]


@dataclass(frozen=True)
class Layout:
    """Which columns say where something was compared, and which what was compared."""

    scope: tuple[str, ...]
    condition: tuple[str, ...]

    @property
    def group(self) -> list[str]:
        """Columns whose equal values are repetitions of one measurement."""
        return [*self.scope, *self.condition, "metric"]


GROWTH = Layout(("experiment", "setting"), ("rule", "placement", "timing"))
CONTINUAL = Layout(("stream", "setting"), ("method",))
CONDITION = list(GROWTH.condition)


def summary(outcomes: pd.DataFrame, seed: int = 0, layout: Layout = GROWTH) -> pd.DataFrame:
    """Mean of every condition and metric over its seeds, with the 95 % bootstrap interval of the mean.

    Args:
        outcomes: the long table.
        seed: of the resampling; every row is resampled alike, so it does not depend on the other rows.
        layout: columns of the table.

    Returns:
        A row for every group in the order in which they first appear, with the columns of the scope and of the
        condition, metric, mean, low, high, n. A single value has no interval: low and high are NaN.

    Raises:
        ValueError: columns are missing, a value is not finite, or a seed appears twice in a group.
    """
    return _intervals(outcomes, layout.group, seed, resamples=10_000)


def curve_summary(curves: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The same for every step of a table of growth that has the column step, by 1,000 resamples."""
    return _intervals(curves, [*GROWTH.group, "step"], seed, resamples=1_000)


def differences(
    outcomes: pd.DataFrame, control: Mapping[str, str], seed: int = 0, layout: Layout = GROWTH
) -> pd.DataFrame:
    """Mean of every other condition minus that of the control, paired by seed, with its 95 % bootstrap interval.

    Args:
        outcomes: the long table.
        control: which condition is the control: a value for one or more of its columns, such as
            ``{"rule": "random"}``.
        seed: of the resampling, as in ``summary``.
        layout: columns of the table.

    Returns:
        Columns as in ``summary``, with the condition of the control in columns of the same names after ``control_``.
        Seeds that only one of the two has are left out; n counts the pairs, and groups with fewer
        than two have NaN for low and high (for none, for the mean too).

    Raises:
        ValueError: as in ``summary``; or the control is unknown, or names more than one condition.
    """
    _check(outcomes, layout.group)
    rows = []
    for _, scope in outcomes.groupby([*layout.scope, "metric"], sort=False):
        chosen = _control(scope, control, layout)
        base = scope[_matches(scope, chosen)].set_index("seed")["value"]
        for group, part in scope[~_matches(scope, chosen)].groupby(layout.group, sort=False):
            pairs = part.set_index("seed")[["value"]].join(base.rename("control"), how="inner").sort_index()
            rows.append((*group, *chosen.values(), *_difference(pairs, seed), len(pairs)))
    names = [f"control_{name}" for name in layout.condition]
    return pd.DataFrame(rows, columns=[*layout.group, *names, *INTERVAL])


def _intervals(table: pd.DataFrame, group: list[str], seed: int, resamples: int) -> pd.DataFrame:
    _check(table, group)
    rows = []
    for key, part in table.groupby(group, sort=False):
        values = part.sort_values("seed")["value"].to_numpy(float)
        mean, low, high = values[0], np.nan, np.nan
        if len(values) > 1:
            mean, low, high = mean_interval(values, seed, resamples=resamples)
        rows.append((*key, mean, low, high, len(values)))
    return pd.DataFrame(rows, columns=[*group, *INTERVAL])


def _difference(pairs: pd.DataFrame, seed: int) -> tuple[float, float, float]:
    values, control = pairs["value"].to_numpy(float), pairs["control"].to_numpy(float)
    if len(pairs) > 1:
        return paired_difference(values, control, seed)
    return (values[0] - control[0] if len(pairs) else np.nan), np.nan, np.nan


def _control(scope: pd.DataFrame, control: Mapping[str, str], layout: Layout) -> dict[str, str]:
    """The one condition of a scope that has the values asked for."""
    columns = list(layout.condition)
    unknown = [name for name in control if name not in columns]
    if unknown or not control:
        raise ValueError(f"control = {dict(control)} must name values of {', '.join(columns)}")
    conditions = scope[columns].drop_duplicates()
    found = conditions[_matches(conditions, control)]
    if len(found) != 1:
        there = [tuple(row) for row in (conditions if found.empty else found).itertuples(index=False)]
        what = "is not among" if found.empty else "is more than one of"
        raise ValueError(f"control = {dict(control)} {what} the conditions ({', '.join(columns)}) {there}")
    return {name: str(found.iloc[0][name]) for name in columns}


def _matches(table: pd.DataFrame, wanted: Mapping[str, str]) -> pd.Series[bool]:
    return (table[list(wanted)] == pd.Series(dict(wanted))).all(axis=1)


def _check(table: pd.DataFrame, group: list[str]) -> None:
    missing = [name for name in (*group, "seed", "value") if name not in table.columns]
    if missing:
        raise ValueError(f"the outcomes lack the columns {missing}; they have {list(table.columns)}")
    if not np.isfinite(table["value"].to_numpy(float)).all():
        raise ValueError("the outcomes hold values that are nan or infinite; leave out those rows")
    twice = table[table.duplicated([*group, "seed"])]
    if not twice.empty:
        raise ValueError(f"two outcomes are of the same condition, metric and seed: {twice.iloc[0].to_dict()}")


def pareto_front(table: pd.DataFrame, cost: str = "wires", gain: str = "accuracy") -> pd.DataFrame:
    """Rows that no other row dominates, cheapest first.

    Row a dominates row b if a costs no more and gains no less, and one of both strictly (Pareto optimality, e.g.
    Deb 2001, Multi-Objective Optimization using Evolutionary Algorithms, ch. 2). Rows with a missing value are left
    out.

    Raises:
        ValueError: a column is missing.
    """
    missing = [name for name in (cost, gain) if name not in table.columns]
    if missing:
        raise ValueError(f"the table lacks the columns {missing}; it has {list(table.columns)}")
    known = table.dropna(subset=[cost, gain]).sort_values([cost, gain], ascending=[True, False], kind="stable")
    best = known.groupby(cost)[gain].transform("max")
    cheaper = known.groupby(cost)[gain].max().astype(float).cummax().shift(fill_value=float("-inf"))
    return known[(known[gain] == best) & (known[gain] > known[cost].map(cheaper))]
