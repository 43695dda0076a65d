"""Runs beside each other: means with intervals, paired differences to a control, the Pareto front. Prints nothing.

Outcomes are a long table with the columns variant, stream, setting, seed, metric and value. Variants are compared
within one stream, setting and metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from smalti.analysis.measures.metrics import Floats, mean_intervals

SCOPE = ["stream", "setting"]
GROUP = ["variant", *SCOPE, "metric"]  # equal values are repetitions of one measurement


def summary(outcomes: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Mean of every variant and metric over its seeds, with the 95 % bootstrap interval of the mean.

    Args:
        outcomes: the long table.
        seed: of the resampling; every row is resampled alike, so it does not depend on the other rows but by rounding.

    Returns:
        A row for every group in the order in which they first appear: variant, stream, setting, metric, mean, low,
        high, n. A single value has no interval: low and high are NaN.

    Raises:
        ValueError: columns are missing, a value is not finite, or a seed appears twice in a group.
    """
    return _intervals(outcomes, GROUP, seed, resamples=10_000)


def curve_summary(curves: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The same for every step of curves: columns variant, stream, seed, step and value; by 1,000 resamples."""
    return _intervals(curves, ["variant", "stream", "step"], seed, resamples=1_000)


def differences(outcomes: pd.DataFrame, control_of: Mapping[str, str], seed: int = 0) -> pd.DataFrame:
    """Mean of every variant minus that of its control, paired by seed, with its 95 % bootstrap interval.

    Args:
        outcomes: the long table.
        control_of: variant -> the variant that it is compared with; one that is its own control is left out.
        seed: of the resampling, as in ``summary``.

    Returns:
        Columns as in ``summary``, and control. Seeds that only one of the two has are left out; n counts the pairs, and
        groups with a single one have NaN for low and high. Where the two share no seed there is no row.

    Raises:
        ValueError: as in ``summary``.
    """
    _check(outcomes, GROUP)
    values = {key: part.set_index("seed")["value"] for key, part in outcomes.groupby(GROUP, sort=False)}
    keys, apart = [], []
    for (variant, stream, setting, metric), own in values.items():
        control = control_of.get(str(variant), str(variant))
        base = values.get((control, stream, setting, metric))
        if control == variant or base is None:
            continue
        pairs = own.to_frame("value").join(base.rename("control"), how="inner").sort_index()
        if len(pairs):
            keys.append((variant, stream, setting, metric, control))
            apart.append((pairs["value"] - pairs["control"]).to_numpy(float))
    return _told(keys, apart, [*GROUP, "control"], seed, resamples=10_000)


def _intervals(table: pd.DataFrame, group: list[str], seed: int, resamples: int) -> pd.DataFrame:
    _check(table, group)
    ordered = table.sort_values("seed", kind="stable")
    values = {key: part["value"].to_numpy(float) for key, part in ordered.groupby(group, sort=False)}
    keys = [tuple(key) for key in table[group].drop_duplicates().itertuples(index=False, name=None)]
    return _told(keys, [values[key] for key in keys], group, seed, resamples)


def _told(
    keys: Sequence[tuple[object, ...]], values: Sequence[Floats], names: list[str], seed: int, resamples: int
) -> pd.DataFrame:
    """Keys with the mean of their values and its interval; those of equally many values are resampled together."""
    counts = np.array([len(of) for of in values], dtype=int)
    differences = pd.DataFrame(keys, columns=names)
    numbers = np.full((len(values), 3), np.nan)
    for count in np.unique(counts):
        rows = np.flatnonzero(counts == count)
        block = np.stack([values[int(row)] for row in rows])
        if count == 1:
            numbers[rows, 0] = block[:, 0]
        else:
            numbers[rows] = np.stack(mean_intervals(block, seed, resamples=resamples), axis=1)
    return differences.assign(mean=numbers[:, 0], low=numbers[:, 1], high=numbers[:, 2], n=counts)


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
