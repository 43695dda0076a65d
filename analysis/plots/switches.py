"""How soon feedback finds the right expert: a square for every pair of experts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from smalti.analysis import switches
from smalti.analysis.plots.figure import PALETTE, new_figure, quick_note
from smalti.analysis.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

NUMBERED = 20  # experts up to which trials are written
WITHIN = 20  # trials from which on it took long; colours end there
NEVER = PALETTE[1]


def draw_switches(run: Run, split: str = "test") -> Figure:
    """Trials before the right expert (columns) answers, after another one (rows) was believed in.

    Args:
        run: the run.
        split: validation, test or novel.

    Raises:
        ValueError: feedback chose no experts there, or matplotlib is missing.
    """
    pairs = switches.pairs(run, split)
    if pairs.empty:
        raise ValueError(f"{run.path} has no blocks of trials in which feedback chose experts (table switches)")
    values = pairs.to_numpy(float)
    numbered = max(values.shape) <= NUMBERED
    cell = 0.45 if numbered else 0.14
    figure = new_figure(max(4.6, 2.4 + cell * values.shape[1]), max(3.0, 1.4 + cell * values.shape[0]))
    axes = figure.subplots()
    image = axes.imshow(np.minimum(values, WITHIN), cmap="cividis_r", vmin=0, vmax=WITHIN, aspect="auto")
    for (row, column), trials in np.ndenumerate(values):
        if np.isinf(trials):
            axes.add_patch(_square(row, column))
        if numbered and not np.isnan(trials):
            shade = "black" if trials < WITHIN / 2 or np.isinf(trials) else "white"
            text = "never" if np.isinf(trials) else f"{trials:.0f}"
            axes.text(column, row, text, ha="center", va="center", color=shade, fontsize=8 if len(text) < 3 else 6)
    every = 1 if numbered else 5
    axes.set_xticks(range(0, len(pairs.columns), every), [str(expert) for expert in pairs.columns[::every]])
    axes.set_yticks(range(0, len(pairs), every), [str(expert) for expert in pairs.index[::every]])
    axes.set(xlabel="right expert", ylabel="expert believed in at first")
    axes.set_title(f"trials until the right expert answers{quick_note(run)}", fontsize=10)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, ticks=[0, 5, 10, 15, 20])
    bar.ax.set_yticklabels(["0", "5", "10", "15", "20 or more"])
    bar.set_label("trials")
    return figure


def _square(row: int, column: int) -> Rectangle:
    """Over a pair of which the right one is never found."""
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.5, row - 0.5), 1, 1, color=NEVER)
