"""Pictures of an experiment with a control: accuracies, how they fall along the tasks, and curves of growth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from smalti.analysis.plots.drawing.figure import PALETTE, new_figure, plain
from smalti.analysis.plots.drawing.looks import Look, label_ends, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

End = tuple[float, float, str, str]  # of a line: x, y, name, colour


def draw_accuracies(summary: pd.DataFrame, matrices: pd.DataFrame) -> Figure:
    """Figure of two axes for each stream and setting.

    Args:
        summary: columns variant, stream, setting, metric, mean, low, high.
        matrices: accuracies of every run: columns variant, stream, setting, seed, after, on, value.
    """
    scopes = list(summary[["stream", "setting"]].drop_duplicates().itertuples(index=False, name=None))
    figure = new_figure(11, len(scopes) * (1.2 + 0.22 * summary["variant"].nunique()))
    axes = figure.subplots(len(scopes), 2, squeeze=False)
    known = looks([*summary["variant"], *matrices["variant"]])
    ends: list[tuple[Axes, list[End]]] = []
    for (left, right), (stream, setting) in zip(axes, scopes, strict=True):
        final, along = (t[(t["stream"] == stream) & (t["setting"] == setting)] for t in (summary, matrices))
        draw_final(left, final[final["metric"] == "accuracy"], known)
        ends.append((right, draw_along(right, along, known)))
        left.set_title(plain(", ".join(filter(None, (stream, setting)))), loc="left", fontsize=10)
    _label(figure, ends)
    return figure


def draw_final(axes: Axes, accuracy: pd.DataFrame, known: Mapping[str, Look]) -> None:
    """Mean accuracy over all tasks after the last one, with its 95 % interval; ``known``: the looks of all variants."""
    names = [str(name) for name in accuracy["variant"]]
    for number, (low, mean, high) in enumerate(100 * accuracy[["low", "mean", "high"]].to_numpy(float)):
        colour = known[names[number]].colour
        axes.plot([low, high], [number, number], color=colour, lw=2)
        axes.plot(mean, number, "o", color=colour, ms=5)
    axes.set(yticks=range(len(accuracy)), xlabel="accuracy over all tasks after the last, %")
    axes.set_yticklabels([plain(name) for name in names], fontsize=7)
    axes.invert_yaxis()
    axes.grid(alpha=0.3, axis="x")


def draw_along(axes: Axes, matrices: pd.DataFrame, known: Mapping[str, Look]) -> list[End]:
    """Mean accuracy over the tasks learned so far, after each of them; returns where the lines end."""
    from matplotlib.ticker import MaxNLocator

    learned = matrices[matrices["on"] <= matrices["after"]]
    ends = []
    for variant, part in learned.groupby("variant", sort=False):
        curve = part.groupby("after")["value"].mean()
        ends.append(_line(axes, curve.index.to_series(), curve, str(variant), known[str(variant)], marker="o"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="experiences learned before", ylabel="accuracy over tasks learned, %")
    axes.grid(alpha=0.3)
    return ends


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
    known = looks([*curves["variant"], *differences["variant"]])
    ends: list[tuple[Axes, list[End]]] = []
    for (left, right), stream in zip(axes, streams, strict=True):
        own = curves[curves["stream"] == stream].groupby("variant", sort=False)
        ends.append((left, [_line(left, p["step"], p["mean"], str(name), known[str(name)]) for name, p in own]))
        left.set(xlabel="training step", ylabel="validation accuracy, %")
        left.grid(alpha=0.3)
        left.set_title(plain(stream), loc="left", fontsize=10)
        draw_differences(right, first[first["stream"] == stream].drop_duplicates(["variant", "metric"]))
    _label(figure, ends)
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
    axes.set_yticklabels([plain(variant) for variant in variants], fontsize=7)
    axes.invert_yaxis()
    axes.grid(alpha=0.3, axis="x")
    axes.legend(fontsize=7, frameon=False)


def _line(axes: Axes, x: pd.Series, share: pd.Series, name: str, look: Look, marker: str = "") -> End:
    """A curve in percent; returns where it ends."""
    axes.plot(x, 100 * share, look.style, marker=marker, ms=3, color=look.colour, lw=1.3, label=plain(name))
    return float(x.iloc[-1]), 100 * float(share.iloc[-1]), name, look.colour


def _label(figure: Figure, ends: list[tuple[Axes, list[End]]]) -> None:
    """Name lines at their ends, once the size of the panels is known."""
    figure.draw_without_rendering()
    for axes, own in ends:
        label_ends(axes, own)
