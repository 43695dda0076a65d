"""A picture of a benchmark of continual learning: accuracies with intervals, and how they fall along the tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from smalti.analysis.plots.figure import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = ("-", "--", ":")


def draw_benchmark(summary: pd.DataFrame, matrices: pd.DataFrame) -> Figure:
    """Figure of two axes for each stream and setting.

    Args:
        summary: columns stream, setting, method, metric, mean, low, high.
        matrices: accuracies of every run: columns stream, setting, method, seed, after, on, value.
    """
    from matplotlib.figure import Figure

    scopes = list(summary[["stream", "setting"]].drop_duplicates().itertuples(index=False, name=None))
    count = summary["method"].nunique()
    figure = Figure(figsize=(11, len(scopes) * (1.2 + 0.22 * count)), layout="constrained", facecolor="white")
    axes = figure.subplots(len(scopes), 2, squeeze=False)
    for (left, right), (stream, setting) in zip(axes, scopes, strict=True):
        chosen = (table[(table["stream"] == stream) & (table["setting"] == setting)] for table in (summary, matrices))
        final, along = chosen
        draw_final(left, final[final["metric"] == "accuracy"])
        draw_along(right, along)
        left.set_title(f"{stream}, {setting}", loc="left", fontsize=10)
    return figure


def draw_final(axes: Axes, accuracy: pd.DataFrame) -> None:
    """Mean accuracy over all tasks after the last one, with its 95 % interval."""
    for number, (low, mean, high) in enumerate(100 * accuracy[["low", "mean", "high"]].to_numpy(float)):
        colour = PALETTE[number % len(PALETTE)]
        axes.plot([low, high], [number, number], color=colour, lw=2)
        axes.plot(mean, number, "o", color=colour, ms=5)
    axes.set(yticks=range(len(accuracy)), xlabel="accuracy over all tasks after the last, %")
    axes.set_yticklabels(list(accuracy["method"]), fontsize=7)
    axes.invert_yaxis()
    axes.grid(alpha=0.3, axis="x")


def draw_along(axes: Axes, matrices: pd.DataFrame) -> None:
    """Mean accuracy over the tasks learned so far, after each of them."""
    from matplotlib.ticker import MaxNLocator

    learned = matrices[matrices["on"] <= matrices["after"]]
    for number, (method, part) in enumerate(learned.groupby("method", sort=False)):
        again, colour = divmod(number, len(PALETTE))
        curve = part.groupby("after")["value"].mean()
        style = STYLES[again % len(STYLES)]
        axes.plot(curve.index, 100 * curve, style, marker="o", ms=3, color=PALETTE[colour], lw=1.3, label=str(method))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="tasks learned before", ylabel="accuracy over tasks learned, %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=6.5, frameon=False, loc="lower left")
