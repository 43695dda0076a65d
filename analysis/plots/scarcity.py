"""A chip that fills up along the stream: prices, who found no room, and what was bought back, task after task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smalti.analysis import reuse, scarcity
from smalti.analysis.plots.figure import PALETTE, QUIET, new_figure, plain, quick_note, task_colour
from smalti.analysis.plots.reuse import MARKS, NUMBERED
from smalti.analysis.runs import Run
from smalti.analysis.units import unit_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPREAD = 30.0  # dearest over cheapest from which on prices stand on a logarithmic axis


def draw_scarcity(run: Run) -> Figure:
    """Prices of every task's bids; how full the chip was and how the task opened; neurons bought back for it.

    Raises:
        ValueError: no task has come yet, or matplotlib is missing.
    """
    table = scarcity.along(run)
    if table.empty:
        raise ValueError(f"{run.path} holds no task that has come; there is nothing to draw")
    figure = new_figure(max(6.4, 2.4 + 0.3 * len(table)), 6.5)
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(1.3, 1.3, 1))
    _prices(top, table)
    top.set_ylabel(f"price ({unit_of(run.table('rounds'))})")
    _openings(middle, table)
    middle.set_ylabel("slots in use (line),\nscore at opening")
    places = range(len(table))
    bottom.bar(places, table["bought"], color=[task_colour(task) for task in table.index], width=0.7)
    for x, (count, paid) in enumerate(zip(table["bought"], table["paid"], strict=True)):
        if count:
            bottom.text(x, count, f"{paid:.2g}", ha="center", va="bottom", fontsize=7, color=QUIET)
    bottom.set_ylim(0, 1.25 * max(1, int(table["bought"].max())))
    bottom.set_ylabel("bought back\n(price above)")
    names, many = [plain(name) for name in table["name"]], len(table) > NUMBERED
    bottom.set_xticks(places, names, rotation=90 if many else 0, fontsize=7 if many else 8)
    for axes in (top, middle, bottom):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3, axis="y")
    figure.suptitle(f"a chip that fills up{quick_note(run)}", fontsize=11, color=QUIET)
    return figure


def _prices(axes: Axes, table: pd.DataFrame) -> None:
    """Mean prices with lines up to the largest, asked and paid."""
    for number, name in enumerate(("asked", "paid")):
        at = [x + 0.16 * (2 * number - 1) for x in range(len(table))]
        mean, largest = table[f"{name}_mean"], table[f"{name}_max"]
        axes.vlines(at, mean, largest, color=PALETTE[number], lw=1.2, alpha=0.7)
        axes.plot(at, mean, "o", ms=4, color=PALETTE[number], label=f"{name}: mean, line up to the largest")
    least, most = float(table["asked_mean"].min()), float(table["asked_max"].max())
    if least > 0 and most / least > SPREAD:
        axes.set_yscale("log")
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower left", bbox_to_anchor=(0, 1.0))


def _openings(axes: Axes, table: pd.DataFrame) -> None:
    """How full the chip was, and the score by which each task opened; a seed expert has none yet and stands at 0."""
    places, score = range(len(table)), table["score"].fillna(0.0)
    axes.plot(places, table["used"], "-", color=QUIET, lw=1.2, drawstyle="steps-mid")
    for step, (mark, filled) in MARKS.items():
        own = [x for x in places if table["step"].iloc[x] == step]
        if own:
            face = "#333333" if filled == "full" else "#ffffff"
            axes.plot(own, score.iloc[own], mark, color="#333333", mfc=face, ms=5, label=reuse.WAYS[step])
    full = [x for x in places if table["refused"].iloc[x]]
    if full:
        axes.plot(full, [1.08] * len(full), "x", color=PALETTE[1], ms=5, label="no room for a seed")
    axes.set_ylim(-0.06, 1.16)
    axes.legend(frameon=False, fontsize=8, ncols=5, loc="lower left", bbox_to_anchor=(0, 1.0))
