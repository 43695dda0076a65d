"""A picture of the student-teacher experiment: loss curves with bands, and the last values with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from smalti.analysis.plots.drawing.figure import plain
from smalti.analysis.plots.drawing.looks import Look, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_student_teacher(curves: pd.DataFrame, summary: pd.DataFrame, title: str) -> Figure:
    """Figure of two axes: curves of the loss, and its last values.

    Args:
        curves: the summary of every step: columns variant, step, mean, low, high.
        summary: of one metric, a row a variant: variant, mean, low, high.
        title: above both.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 4.2), layout="constrained", facecolor="white")
    figure.suptitle(title, fontsize=10, color="#555555")
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    known = looks([*curves["variant"], *summary["variant"]])
    draw_curves(left, curves, known)
    draw_points(right, summary, known)
    return figure


def draw_curves(axes: Axes, curves: pd.DataFrame, known: Mapping[str, Look]) -> None:
    """Mean loss of every variant against the step, log scale, with its 95 % interval as a band."""
    for variant, part in curves.groupby("variant", sort=False):
        colour, style = known[str(variant)].colour, known[str(variant)].style
        axes.plot(part["step"], part["mean"], style, color=colour, lw=1.4, label=plain(variant))
        axes.fill_between(part["step"], part["low"], part["high"], color=colour, alpha=0.2, lw=0)
    axes.set(yscale="log", xlabel="step", ylabel="training loss (mean, 95 % interval)")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", frameon=False)


def draw_points(axes: Axes, summary: pd.DataFrame, known: Mapping[str, Look]) -> None:
    """Last value of every variant with its 95 % interval, log scale, the first variant above."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    for number, (low, mean, high) in enumerate(summary[["low", "mean", "high"]].to_numpy(float)):
        colour = known[str(summary["variant"].iloc[number])].colour
        axes.plot([low, high], [number, number], color=colour, lw=2)
        axes.plot(mean, number, "o", color=colour)
    axes.set(xscale="log", xlabel="training loss after the last step", yticks=range(len(summary)))
    axes.set_yticklabels([plain(variant) for variant in summary["variant"]])
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3) if high < 100 * low else (1,), numticks=6))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.invert_yaxis()
    axes.grid(alpha=0.3, axis="x")
