"""Many runs by what they cost and what they gain, and the front of those that no other beats in both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from smalti.analysis.comparison import pareto_front
from smalti.analysis.plots.drawing.figure import new_figure, plain
from smalti.analysis.plots.drawing.looks import look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MANY = 8  # groups from which on their names stand beside the picture, not over its dots
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
    """A dot a run, and the front; quick runs (``run.quick``) are hollow and not of the front: they mean nothing.

    Args:
        table: a row a run, as ``Runs.results`` gives it, or ``trials.parquet``.
        cost: column of what should be small.
        gain: column of what should be large.
        by: column that chooses colour and mark, e.g. ``growth.rule``.
        title: above the picture.

    Raises:
        ValueError: a column is missing, no row has both numbers, or matplotlib is missing.
    """
    quick = pd.Series(table.get("run.quick", False), index=table.index).fillna(False).astype(bool)
    front = pareto_front(table if quick.all() else table[~quick], cost, gain)
    if front.empty:
        raise ValueError(f"no row has both {cost!r} and {gain!r}")
    if by is not None and by not in table.columns:
        raise ValueError(f"the table has no column {by!r}; it has {list(table.columns)}")
    groups = [("runs", table)] if by is None else list(table.groupby(by, dropna=False, sort=True))
    many = len(groups) > MANY
    figure = new_figure(8.8, max(4.4, 0.2 * len(groups))) if many else new_figure(6.4, 4.4)
    axes = figure.subplots()
    for number, (name, part) in enumerate(groups):
        mark, colour = look(number).mark, look(number).colour
        hollow = quick[part.index].sort_values()  # the first one stands for all in the legend
        own, faces = part.loc[hollow.index], [(colour, 0.0 if empty else 0.85) for empty in hollow]
        axes.scatter(own[cost], own[gain], 30, c=faces, marker=mark, edgecolors=colour, label=plain(name))
    if quick.any():
        axes.scatter([], [], 30, c="none", marker="o", edgecolors="#555555", label="hollow: quick, means nothing")
    axes.step(front[cost], front[gain], where="post", color="#333333", lw=1.2, label="Pareto front", zorder=2)
    axes.set(xlabel=UNITS.get(cost, cost), ylabel=UNITS.get(gain, gain))
    axes.set_title(plain(title) or f"{gain} against {cost}, {len(table)} runs", fontsize=10)
    axes.grid(alpha=0.3)
    beside: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if many else {}
    axes.legend(frameon=False, fontsize=8, title=by and plain(by), title_fontsize=8, **beside)
    return figure
