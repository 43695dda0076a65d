"""The accuracy matrix: accuracy, or the stream's score, on every task after every task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from smalti.analysis.outcomes import accuracies, experience_names, headline
from smalti.analysis.plots.drawing.figure import new_figure, quick_note
from smalti.analysis.quantities import SETTING_NAMES
from smalti.analysis.runs import Run
from smalti.analysis.units import score_name, score_on

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOMY, NUMBERED = 8, 20  # tasks whose accuracies are written with a decimal, and at all
LABELS = 10  # of rows and columns, where accuracies are not written


def draw_accuracy_matrix(run: Run, setting: str | None = None, split: str = "test") -> Figure:
    """Accuracy on every experience (columns) after every experience (rows), the first row before any.

    Args:
        run: the run.
        setting: task, class, domain, joint, experts or gate; by default that by which the run is judged.
        split: validation, test or novel.

    Raises:
        ValueError: nothing was evaluated so, or matplotlib is missing.
    """
    asked = headline(run) if setting is None else setting
    matrix = accuracies(run, asked, split)
    if matrix.empty:
        table = run.table("evaluations")
        there = sorted(set(zip(table["setting"], table["split"], strict=True)))
        raise ValueError(f"{run.path} has no evaluation of setting {asked!r} and split {split!r}; it has {there}")
    values = matrix.to_numpy(float)
    wide, high = len(matrix.columns), len(matrix)
    cell, digits = (0.75, 1) if wide <= ROOMY else (0.42, 0) if wide <= NUMBERED else (0.12, None)
    figure = new_figure(max(4.5, 2.6 + cell * wide), max(3.0, 1.6 + cell / 1.5 * high))
    axes = figure.subplots()
    image = axes.imshow(values, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if digits is not None and not np.isnan(value):
            shade = "black" if value > 0.55 else "white"
            axes.text(column, row, f"{100 * value:.{digits}f}", ha="center", va="center", color=shade, fontsize=9)
    every = 1 if digits is not None else -(-max(wide, high) // LABELS)
    names = experience_names(run, matrix.index)
    axes.set_xticks(range(0, wide, every), [str(task) for task in matrix.columns[::every]])
    axes.set_yticks(range(0, high, every), names[::every])
    name = score_name(run)
    axes.set(xlabel=f"{name} on task", ylabel="after experience")
    axes.set_title(f"{score_on(run, split)} in %{quick_note(run)}\n{SETTING_NAMES.get(asked, asked)}", fontsize=10)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, ticks=[0, 0.25, 0.5, 0.75, 1])
    bar.ax.set_yticklabels(["0", "25", "50", "75", "100"])
    bar.set_label(f"{name}, %")
    return figure
