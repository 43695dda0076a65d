"""Many runs by what they cost and what they gain, and the front of those that no other beats in both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from smalti.analysis.comparison import pareto_front
from smalti.analysis.plots.figure import PALETTE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
UNITS = {
    "wires": "wires in use (on all sides of tiles)",
    "neurons": "hidden neurons",
    "devices": "devices (crosspoints in use)",
    "accuracy": "accuracy (share)",
    "operations": "synaptic operations of training",
    "spikes_per_sample": "spikes per sample",
    "hop_spikes_per_sample": "hops x spikes per sample",
}


def draw_pareto(
    table: pd.DataFrame, cost: str = "wires", gain: str = "accuracy", by: str | None = None, title: str = ""
) -> Figure:
    """A dot a run, and the front.

    Args:
        table: a row a run, as ``Runs.results`` gives it, or ``trials.parquet``.
        cost: column of what should be small.
        gain: column of what should be large.
        by: column that chooses colour and mark, e.g. ``growth.rule``.
        title: above the picture.

    Raises:
        ValueError: a column is missing, no row has both numbers, or matplotlib is missing.
    """
    front = pareto_front(table, cost, gain)
    if front.empty:
        raise ValueError(f"no row has both {cost!r} and {gain!r}")
    if by is not None and by not in table.columns:
        raise ValueError(f"the table has no column {by!r}; it has {list(table.columns)}")
    figure = new_figure(6.4, 4.4)
    axes = figure.subplots()
    groups = [("runs", table)] if by is None else list(table.groupby(by, dropna=False, sort=True))
    for number, (name, part) in enumerate(groups):
        mark, colour = MARKS[number % len(MARKS)], PALETTE[number % len(PALETTE)]
        axes.scatter(part[cost], part[gain], marker=mark, s=30, color=colour, alpha=0.85, label=str(name), zorder=3)
    axes.step(front[cost], front[gain], where="post", color="#333333", lw=1.2, label="Pareto front", zorder=2)
    axes.set(xlabel=UNITS.get(cost, cost), ylabel=UNITS.get(gain, gain))
    axes.set_title(title or f"{gain} against {cost}, {len(table)} runs", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8, title=by, title_fontsize=8)
    return figure
