"""What runs came to, side by side: one row a run. And which of them no other beats in two things at once."""

from __future__ import annotations

import pandas as pd

from smalti.analysis.overview import mean_accuracy
from smalti.analysis.runs import Run, Runs


def results(runs: Runs, split: str = "validation") -> pd.DataFrame:
    """Accuracy and resources at the end of every run that has finished a round.

    Args:
        runs: as ``load_runs`` gives them.
        split: validation or test; decisions are made on validation data.

    Returns:
        A row a run: run, the fields in which they differ, accuracy (share; over all samples of all experiences, in the
        setting of the stream), loss, neurons, links, devices, wires, spikes_per_sample, hop_spikes_per_sample (of
        training), operations (of all training), born, retired.
    """
    rows = []
    for name, run in runs:
        rounds = run.table("rounds")
        if rounds.empty:
            continue
        last = rounds.iloc[-1]
        kept = ("loss", "neurons", "links", "devices", "wires", "spikes_per_sample", "hop_spikes_per_sample")
        summed = [column for column in ("operations", "born", "retired") if column in rounds]
        rows.append(
            {
                "run": name,
                "accuracy": mean_accuracy(run, evaluated_setting(run), split),
                **{column: last[column] for column in kept},
                **{column: rounds[column].sum() for column in summed},
            }
        )
    if not rows:
        raise ValueError(f"none of the {len(runs)} runs has finished a round")
    return runs.settings().merge(pd.DataFrame(rows), on="run")


def evaluated_setting(run: Run) -> str:
    """The setting of the stream, in the words of the table ``evaluations``."""
    return str(run.config["stream"]["setting"])


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
