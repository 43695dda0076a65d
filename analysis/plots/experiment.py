"""Pictures of an experiment with a control: accuracies, how they fall along the tasks, and curves of growth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from smalti.analysis.plots.figure import PALETTE, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = ("-", "--", ":")


def draw_accuracies(summary: pd.DataFrame, matrices: pd.DataFrame) -> Figure:
    """Figure of two axes for each stream and setting.

    Args:
        summary: columns variant, stream, setting, metric, mean, low, high.
        matrices: accuracies of every run: columns variant, stream, setting, seed, after, on, value.
    """
    scopes = list(summary[["stream", "setting"]].drop_duplicates().itertuples(index=False, name=None))
    figure = new_figure(11, len(scopes) * (1.2 + 0.22 * summary["variant"].nunique()))
    axes = figure.subplots(len(scopes), 2, squeeze=False)
    for (left, right), (stream, setting) in zip(axes, scopes, strict=True):
        final, along = (t[(t["stream"] == stream) & (t["setting"] == setting)] for t in (summary, matrices))
        draw_final(left, final[final["metric"] == "accuracy"])
        draw_along(right, along)
        left.set_title(", ".join(filter(None, (stream, setting))), loc="left", fontsize=10)
    return figure


def draw_final(axes: Axes, accuracy: pd.DataFrame) -> None:
    """Mean accuracy over all tasks after the last one, with its 95 % interval."""
    for number, (low, mean, high) in enumerate(100 * accuracy[["low", "mean", "high"]].to_numpy(float)):
        colour = PALETTE[number % len(PALETTE)]
        axes.plot([low, high], [number, number], color=colour, lw=2)
        axes.plot(mean, number, "o", color=colour, ms=5)
    axes.set(yticks=range(len(accuracy)), xlabel="accuracy over all tasks after the last, %")
    axes.set_yticklabels(list(accuracy["variant"]), fontsize=7)
    axes.invert_yaxis()
    axes.grid(alpha=0.3, axis="x")


def draw_along(axes: Axes, matrices: pd.DataFrame) -> None:
    """Mean accuracy over the tasks learned so far, after each of them."""
    from matplotlib.ticker import MaxNLocator

    learned = matrices[matrices["on"] <= matrices["after"]]
    for number, (variant, part) in enumerate(learned.groupby("variant", sort=False)):
        curve = part.groupby("after")["value"].mean()
        _line(axes, curve.index.to_series(), curve, str(variant), number, marker="o")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="tasks learned before", ylabel="accuracy over tasks learned, %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=6.5, frameon=False, loc="lower left")


def draw_curves(curves: pd.DataFrame, differences: pd.DataFrame) -> Figure:
    """Figure of two axes for each stream: validation curves, and accuracies less the first control's.

    Args:
        curves: summary of validation accuracy: columns variant, stream, step, mean, low, high.
        differences: columns variant, stream, setting, metric, control_name, mean, low, high.
    """
    control = differences["control_name"].iloc[0] if len(differences) else ""
    first = differences[differences["control_name"] == control]
    streams = list(dict.fromkeys(curves["stream"]))
    figure = new_figure(11, len(streams) * (1.2 + 0.24 * curves["variant"].nunique()))
    axes = figure.subplots(len(streams), 2, squeeze=False, width_ratios=(1.3, 1))
    for (left, right), stream in zip(axes, streams, strict=True):
        for number, (variant, part) in enumerate(curves[curves["stream"] == stream].groupby("variant", sort=False)):
            _line(left, part["step"], part["mean"], str(variant), number)
        left.set(xlabel="training step", ylabel="validation accuracy, %")
        left.grid(alpha=0.3)
        left.legend(fontsize=6.5, frameon=False, loc="lower right")
        left.set_title(stream, loc="left", fontsize=10)
        draw_differences(right, first[first["stream"] == stream].drop_duplicates(["variant", "metric"]))
    return figure


def draw_differences(axes: Axes, differences: pd.DataFrame) -> None:
    """Accuracy after growth and at the end, less the control's, with 95 % intervals."""
    variants = list(dict.fromkeys(differences["variant"]))
    for offset, (metric, colour) in enumerate((("accuracy_after", PALETTE[0]), ("accuracy", PALETTE[1]))):
        part = differences[differences["metric"] == metric].set_index("variant")
        for number, variant in enumerate(variants):
            if variant in part.index:
                low, mean, high = (100 * float(part.loc[variant, name]) for name in ("low", "mean", "high"))
                place = number + 0.3 * (offset - 0.5)
                axes.plot([low, high], [place, place], color=colour, lw=1.6)
                axes.plot(mean, place, "o", ms=4, color=colour, label=metric.replace("_", " ") if number == 0 else None)
    axes.axvline(0, color="#888888", lw=0.8)
    axes.set(yticks=range(len(variants)), xlabel="points more than the control")
    axes.set_yticklabels(variants, fontsize=7)
    axes.invert_yaxis()
    axes.grid(alpha=0.3, axis="x")
    axes.legend(fontsize=7, frameon=False)


def _line(axes: Axes, x: pd.Series, share: pd.Series, name: str, number: int, marker: str = "") -> None:
    """A curve in percent; colours come again in another style."""
    again, colour = divmod(number, len(PALETTE))
    style = STYLES[again % len(STYLES)]
    axes.plot(x, 100 * share, style, marker=marker, ms=3, color=PALETTE[colour], lw=1.3, label=name)
