"""Bands behind curves over rounds: one an experience, in the colour of its task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from smalti.analysis.plots.drawing.figure import task_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_bands(axes: Axes, rounds: pd.DataFrame, named: bool = False) -> None:
    """Shade every experience, from its first round to its last; ``named`` writes its task above."""
    for number, (_, part) in enumerate(rounds.groupby("experience")):
        first, last, task = int(part["round"].min()), int(part["round"].max()), int(part["task"].iloc[0])
        axes.axvspan(first - 0.5, last + 0.5, color=task_colour(task), alpha=0.12, lw=0, zorder=0)
        if named:
            text = f"task {task}" if number == 0 else str(task)
            axes.text(
                (first + last) / 2,
                1.02,
                text,
                transform=axes.get_xaxis_transform(),
                ha="center",
                va="bottom",
                fontsize=8,
            )
    axes.set_xlim(rounds["round"].min() - 0.5, rounds["round"].max() + 0.5)


def whole_rounds(axes: Axes) -> None:
    """Ticks of the horizontal axis at whole rounds only."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
