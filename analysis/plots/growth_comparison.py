"""A picture of a comparison of growth rules: validation curves, and paired differences to the control, by setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from smalti.analysis.comparison import CONDITION
from smalti.analysis.plots.figure import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = ("-", "--", ":")


def draw_growth(curves: pd.DataFrame, differences: pd.DataFrame) -> Figure:
    """Figure of two axes for each setting.

    Args:
        curves: summary of validation accuracy: columns setting, rule, placement, timing, step, mean, low, high.
        differences: to the control: columns setting, rule, placement, timing, metric, mean, low, high.
    """
    from matplotlib.figure import Figure

    settings = list(dict.fromkeys(curves["setting"]))
    count = len(curves[CONDITION].drop_duplicates())
    figure = Figure(figsize=(11, len(settings) * (1.2 + 0.24 * count)), layout="constrained", facecolor="white")
    axes = figure.subplots(len(settings), 2, squeeze=False, width_ratios=(1.3, 1))
    for (left, right), setting in zip(axes, settings, strict=True):
        draw_curves(left, curves[curves["setting"] == setting])
        draw_differences(right, differences[differences["setting"] == setting])
        left.set_title(setting, loc="left", fontsize=10)
    return figure


def draw_curves(axes: Axes, curves: pd.DataFrame) -> None:
    """Mean validation accuracy of every condition against the training step; colours come again in another style."""
    for number, (condition, part) in enumerate(curves.groupby(CONDITION, sort=False)):
        again, colour = divmod(number, len(PALETTE))
        style = STYLES[again % len(STYLES)]
        axes.plot(part["step"], 100 * part["mean"], style, color=PALETTE[colour], lw=1.3, label=_label(condition))
    axes.set(xlabel="training step", ylabel="validation accuracy, %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=6.5, frameon=False, loc="lower right")


def draw_differences(axes: Axes, differences: pd.DataFrame) -> None:
    """Accuracy after growth and at the end, less the control's, with 95 % intervals."""
    conditions = list(dict.fromkeys(differences[CONDITION].itertuples(index=False, name=None)))
    for offset, (metric, colour) in enumerate((("accuracy_after", PALETTE[0]), ("accuracy", PALETTE[1]))):
        part = differences[differences["metric"] == metric].set_index(CONDITION)
        for number, condition in enumerate(conditions):
            low, mean, high = (100 * float(part.loc[condition, name]) for name in ("low", "mean", "high"))
            place = number + 0.3 * (offset - 0.5)
            axes.plot([low, high], [place, place], color=colour, lw=1.6)
            axes.plot(mean, place, "o", ms=4, color=colour, label=metric.replace("_", " ") if number == 0 else None)
    axes.axvline(0, color="#888888", lw=0.8)
    axes.set(yticks=range(len(conditions)), xlabel="points more than the control")
    axes.set_yticklabels([_label(condition) for condition in conditions], fontsize=7)
    axes.invert_yaxis()
    axes.grid(alpha=0.3, axis="x")
    axes.legend(fontsize=7, frameon=False)


def _label(condition: object) -> str:
    return ", ".join(map(str, condition)) if isinstance(condition, tuple) else str(condition)
