"""Who hears whom along the stream: tasks from left to right, arcs for what is reused, bars for what is born."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

from smalti.analysis import reuse
from smalti.analysis.plots.figure import QUIET, new_figure, plain, quick_note, task_colour
from smalti.analysis.runs import Run
from smalti.analysis.structure import graph

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

THICK = 5.0  # points: the arc with most taps
NUMBERED = 10  # tasks up to which taps are written on their arcs
MARKS = {"seed": ("o", "full"), "readout": ("o", "none"), "experts": ("s", "none"), "columns": ("D", "none")}
"""Of how a task opened."""


def draw_reuse(run: Run, network: nx.DiGraph | None = None) -> Figure:
    """Arcs from the task for which neurons were born to the one whose outputs hear them; births of every task below.

    Arcs are as wide as their taps are many; a dashed one means that the expert of one task answers another as it is.

    Args:
        run: the run.
        network: what ``analysis.structure.graph`` gave for it, where it was asked already.

    Raises:
        ValueError: every task got a seed expert (``growth.reuse.by`` = none), the checkpoint is missing, or matplotlib.
    """
    if not reuse.has_openings(run):
        raise ValueError(f"{run.path}: no task tried what there was (growth.reuse.by); there is nothing to draw")
    table, born = reuse.openings(run), reuse.births(run)
    heard, lent = reuse.heard(graph(run) if network is None else network), reuse.lent(run)
    place = {int(task): x for x, task in enumerate(born.index.tolist())}
    figure = new_figure(max(6.4, 2.4 + 0.55 * len(place)), 5)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1.7, 1))
    most = max([1, *heard["taps"]])
    for source, target, taps in heard.itertuples(index=False):
        x, y = _arc(top, place[source], place[target], task_colour(source), THICK * taps / most, "-")
        if len(place) <= NUMBERED:
            top.text(x, y + 0.04, str(taps), ha="center", va="bottom", fontsize=8, color=task_colour(source))
    for source, target in lent.itertuples(index=False):
        _arc(top, place[source], place[target], task_colour(source), 1.2, "--")
    _marks(top, dict(zip(table.index.tolist(), table["step"].tolist(), strict=True)), place)
    top.set_ylim(-0.12, 0.5 * max(1, len(place) - 1) * 1.18)
    top.set_yticks([])
    top.set_ylabel("taps: born for the left,\nheard by the right")
    top.spines[["top", "right", "left", "bottom"]].set_visible(False)
    at, colours = range(len(place)), [task_colour(task) for task in place]
    bottom.bar(at, born["seed"], color=colours, width=0.7)
    bottom.bar(at, born["grown"], bottom=born["seed"], color=colours, width=0.7, alpha=0.55)
    for x, count in enumerate(born["born"]):
        bottom.text(x, count, f"{count}", ha="center", va="bottom", fontsize=8, color=QUIET)
    names = [plain(table["name"].get(task, task)) for task in place]
    bottom.set_xticks(at, names, rotation=0 if len(place) <= NUMBERED else 60, fontsize=8)
    bottom.set_ylim(0, 1.18 * max(1, int(born["born"].max())))
    bottom.set_ylabel("hidden neurons born\n(paler: grown later)")
    bottom.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"what tasks reuse, and what is born for them{quick_note(run)}", fontsize=11, color=QUIET)
    return figure


def _arc(axes: Axes, source: int, target: int, colour: str, width: float, style: str) -> tuple[float, float]:
    """Half a circle, in units of tasks; its highest point."""
    angle, radius = np.linspace(0, np.pi, 40), abs(target - source) / 2
    middle = (source + target) / 2
    axes.plot(middle + radius * np.cos(angle), radius * np.sin(angle), style, color=colour, lw=width, alpha=0.75)
    return middle, radius


def _marks(axes: Axes, steps: dict[int, str], place: dict[int, int]) -> None:
    """How every task opened, on the line on which the arcs stand."""
    for step, (mark, filled) in MARKS.items():
        own = [task for task in place if steps.get(task) == step]
        if own:
            axes.plot(
                [place[task] for task in own],
                [0] * len(own),
                mark,
                color="#333333",
                mfc="#333333" if filled == "full" else "#ffffff",
                ms=7,
                label=f"opened by {reuse.WAYS[step]}",
                zorder=3,
            )
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="lower left", bbox_to_anchor=(0, 1.0))
