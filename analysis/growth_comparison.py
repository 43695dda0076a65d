"""A comparison of growth rules as tables: outcomes of every run, curves, and what needs two runs. Prints nothing.

Columns are those of ``analysis.comparison``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from smalti.analysis import growth_outcomes
from smalti.analysis.runs import Run
from smalti.scheduler.comparing.plan import Condition

EXPERIMENT = "growth"


def outcomes(runs: Mapping[Condition, Run], split: str) -> pd.DataFrame:
    """Every number of every run: one row a run and metric."""
    rows = [
        {**_told(condition), "metric": metric, "value": value}
        for condition, run in runs.items()
        for metric, value in growth_outcomes.outcomes(run, split).items()
    ]
    return pd.DataFrame(rows)


def curves(runs: Mapping[Condition, Run]) -> pd.DataFrame:
    """Validation accuracy along every run, smoothed as it is read off: one row a run and round."""
    parts = []
    for condition, run in runs.items():
        rounds = run.table("rounds")
        columns = {"metric": "validation", "step": rounds["step"], "value": growth_outcomes.validation_curve(rounds)}
        parts.append(pd.DataFrame({**_told(condition), **columns}))
    return pd.concat(parts, ignore_index=True)


def steps_to_match(runs: Mapping[Condition, Run], control: Mapping[Condition, Condition]) -> pd.DataFrame:
    """Training steps after its last birth that each run takes to be as accurate as its control is ``AFTER`` its own.

    A run that never is counts with its last step, so a mean is too small where that happens.

    Args:
        runs: all runs.
        control: for each run that is to be compared, which run it is compared with.
    """
    rows = []
    for condition, other in control.items():
        wanted = growth_outcomes.outcomes(runs[other])["accuracy_after"]
        steps = growth_outcomes.steps_to_reach(runs[condition], wanted)
        rounds = runs[condition].table("rounds")
        longest = float(rounds["step"].iloc[-1] - growth_outcomes.last_birth(rounds))
        rows.append({**_told(condition), "metric": "steps_to_control", "value": min(steps, longest)})
    return pd.DataFrame(rows)


def compute_to_match(runs: Mapping[Condition, Run], static: Mapping[Condition, Condition]) -> pd.DataFrame:
    """Synaptic operations that each run takes to be as accurate as a static net at its end, as a share of that net's.

    Within half a point counts. A run that never gets there counts with all of its operations, at least 1.
    """
    rows = []
    for condition, other in static.items():
        whole = growth_outcomes.outcomes(runs[other])["operations"]
        final = float(growth_outcomes.validation_curve(runs[other].table("rounds"))[-1])
        taken = growth_outcomes.operations_to_reach(runs[condition], final)
        spent = growth_outcomes.outcomes(runs[condition])["operations"]
        value = taken / whole if np.isfinite(taken) else max(1.0, spent / whole)
        rows.append({**_told(condition), "metric": "compute_to_static", "value": value})
    return pd.DataFrame(rows)


def gather(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Long tables as one, those without rows left out."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True)


def _told(condition: Condition) -> dict[str, object]:
    names = ("setting", "rule", "placement", "timing", "seed")
    return {"experiment": EXPERIMENT, **{name: getattr(condition, name) for name in names}}
