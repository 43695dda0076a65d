"""What hindsight would have given every task, had all been known beforehand and nobody heard another. Draws nothing.

    maximise    sum over tasks of value[task, width]     over a width for each task
    subject to  sum of the widths' slots <= slots

A multiple-choice knapsack, solved as an integer program by HiGHS (``scipy.optimize.milp``). Values are those of experts
that were trained alone, for such experts do not depend on who else is on the chip: the optimum is a bound for every
way to hand out slots without reuse, but not for experts that hear each other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from smalti.analysis.tables import RunTables


def alone(runs: Mapping[int, RunTables], split: str) -> pd.DataFrame:
    """What every task came to with experts of several widths that hear nobody.

    Args:
        runs: by the width of their experts, one run each, all of the same tasks.
        split: validation or test.

    Returns:
        Accuracy at the end with the task told, a row a task and a column a width.

    Raises:
        ValueError: the runs have different tasks.
    """
    columns = {width: _last(run, split) for width, run in sorted(runs.items())}
    tasks = {frozenset(column.index) for column in columns.values()}
    if len(tasks) != 1:
        raise ValueError("runs with different tasks cannot be chosen from: give runs of one stream that have ended")
    return pd.DataFrame(columns)


def _last(run: RunTables, split: str) -> pd.Series[float]:
    """Accuracy on each task after the last one, the task being told."""
    table = run.table("evaluations")
    table = table[(table["split"] == split) & (table["setting"] == "task") & (table["after"] == table["after"].max())]
    accuracy: pd.Series[float] = table.set_index("on")["accuracy"].sort_index()
    return accuracy


def best_widths(values: pd.DataFrame, slots: int) -> pd.Series[int]:
    """The width of every task's expert with which the sum of values is largest.

    Args:
        values: a row a task, a column a width (hidden neurons).
        slots: hidden neurons that there is room for.

    Returns:
        Width by task.

    Raises:
        ValueError: even the narrowest experts find no room.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # not above: help need not wait for it

    widths, tasks = values.columns.to_numpy(dtype=float), len(values)
    if widths.min() * tasks > slots:
        raise ValueError(f"{tasks} tasks of {widths.min():g} neurons need more than {slots} slots: leave out some")
    each = np.kron(np.eye(tasks), np.ones(len(widths)))  # [tasks, tasks * widths]: one width a task
    answer = milp(
        -values.to_numpy(dtype=float).ravel(),
        integrality=np.ones(values.size, dtype=np.int64),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(each, 1, 1), LinearConstraint(np.tile(widths, tasks)[None], 0, slots)],
        options={"mip_rel_gap": 0.0},
    )
    assert answer.status == 0, answer.message  # there is always a solution: the narrowest
    chosen = answer.x.reshape(tasks, len(widths)).argmax(1)
    return pd.Series(values.columns.to_numpy()[chosen], index=values.index, name="width")
