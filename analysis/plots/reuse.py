"""Who hears whom along the stream: tasks from left to right, arcs for what is reused, bars for what is born."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

import networkx as nx
import numpy as np
import pandas as pd

from smalti.analysis.chip.structure import graph
from smalti.analysis.growth import reuse
from smalti.analysis.plots.drawing.figure import QUIET, quick_note, task_colour
from smalti.analysis.plots.drawing.painted import painted
from smalti.analysis.plots.drawing.picture import Bars, Dots, Key, Line, Mark, Panel, Picture, Text
from smalti.analysis.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THICK = 5.0  # points: the arc with most taps
NUMBERED = 10  # tasks up to which taps are written on their arcs
MARKS: dict[str, tuple[Literal["circle", "square", "diamond"], bool]] = {
    "seed": ("circle", False),
    "readout": ("circle", True),
    "experts": ("square", True),
    "columns": ("diamond", True),
    "combination": ("square", True),
    "south": ("diamond", False),
    "north": ("square", False),
    "both": ("circle", False),
}
"""Of how a task opened."""


def draw_reuse(run: Run, network: nx.DiGraph | None = None) -> Figure:
    """Arcs from the task for which neurons were born to the one whose outputs hear them; births of every task below.

    Arcs are as wide as their taps are many; a dashed one means that the expert of one task answers another as it is.

    Args:
        run: the run.
        network: what ``analysis.chip.structure.graph`` gave for it, where it was asked already.

    Raises:
        ValueError: every task got a seed expert (``growth.reuse.by`` = none), the checkpoint is missing, or matplotlib.
    """
    return painted(reuse_picture(run, network))


def reuse_picture(run: Run, network: nx.DiGraph | None = None) -> Picture:
    """What ``draw_reuse`` draws."""
    if not reuse.has_openings(run):
        raise ValueError(f"{run.path}: no task tried what there was (growth.reuse.by); there is nothing to draw")
    table, born = reuse.openings(run), reuse.births(run)
    heard, lent = reuse.heard(graph(run) if network is None else network), reuse.lent(run)
    place = {int(task): x for x, task in enumerate(born.index.tolist())}
    opened, keys = _opened(dict(zip(table.index.tolist(), table["step"].tolist(), strict=True)), place)
    across = (-0.5, max(1, len(place)) - 0.5)
    arcs = Panel(
        marks=[*_taps(heard, place), *_lent(lent, place), *opened],
        x=across,
        y=(-0.12, 0.5 * max(1, len(place) - 1) * 1.18),
        y_label="taps: born for the left,\nheard by the right",
        y_ticks=(),
        frame="none",
        keys=keys,
        keys_at="above",
        columns=3,
        ratio=1.7,
    )
    at, colours = range(len(place)), [task_colour(task) for task in place]
    few = len(place) <= NUMBERED
    counts = [Text(x=x, y=count, text=str(count), colour=QUIET, above=True) for x, count in enumerate(born["born"])]
    bars = Panel(
        marks=[
            Bars(x=at, height=born["seed"], colours=colours, width=0.7),
            Bars(x=at, height=born["grown"], bottom=born["seed"], colours=colours, width=0.7, alpha=0.55),
            *counts,
        ],
        x=across,
        y=(0, 1.18 * max(1, int(born["born"].max()))),
        x_ticks=[(x, str(table["name"].get(task, task))) for task, x in place.items()],
        names=8,
        slanted=not few,
        y_label="hidden neurons born\n(paler: grown later)",
        frame="corner",
    )
    title = f"what tasks reuse, and what is born for them{quick_note(run)}"
    return Picture(title=title, panels=[arcs, bars], width=max(6.4, 2.4 + 0.55 * len(place)), height=5)


def _taps(heard: pd.DataFrame, place: Mapping[int, int]) -> Iterator[Mark]:
    """An arc for every pair, as wide as its taps are many."""
    most = max([1, *heard["taps"]])
    for source, target, taps in heard.itertuples(index=False):
        arc, (x, y) = _arc(place[source], place[target], task_colour(source), THICK * taps / most)
        yield arc
        if len(place) <= NUMBERED:
            yield Text(x=x, y=y + 0.04, text=str(taps), colour=task_colour(source), above=True)


def _lent(lent: pd.DataFrame, place: Mapping[int, int]) -> Iterator[Mark]:
    """A dashed arc for every expert that answers another task as it is."""
    for source, target in lent.itertuples(index=False):
        yield _arc(place[source], place[target], task_colour(source), 1.2, dashed=True)[0]


def _arc(source: int, target: int, colour: str, width: float, dashed: bool = False) -> tuple[Line, tuple[float, float]]:
    """Half a circle, in units of tasks, and its highest point."""
    angle, radius, middle = np.linspace(0, np.pi, 40), abs(target - source) / 2, (source + target) / 2
    x, y = middle + radius * np.cos(angle), radius * np.sin(angle)
    return Line(x=x, y=y, colour=colour, width=width, dashed=dashed, alpha=0.75), (middle, radius)


def _opened(steps: Mapping[int, str], place: Mapping[int, int]) -> tuple[list[Dots], list[Key]]:
    """How every task opened, on the line on which the arcs stand, and the legend."""
    dots, keys = [], []
    for step, (shape, hollow) in MARKS.items():
        own = [x for task, x in place.items() if steps.get(task) == step]
        if own:
            dots.append(Dots(x=own, y=[0] * len(own), colours="#333333", shape=shape, hollow=hollow, size=7))
            label = f"opened by {reuse.WAYS[step]}"
            keys.append(Key(label=label, colour="#333333", kind=shape, hollow=hollow, size=7))
    return dots, keys
