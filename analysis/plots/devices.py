"""Accuracy of copies of a chip against time or noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from smalti.analysis.plots.drawing.figure import PALETTE
from smalti.analysis.plots.drawing.painted import painted
from smalti.analysis.plots.drawing.picture import Dots, Key, Line, Lines, Mark, Panel, Picture, limits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMED_TIMES = {0.0: "at once", 1.0: "1 s", 3600.0: "1 h", 86400.0: "1 day", 2592000.0: "30 days", 31536000.0: "1 year"}


def draw_copies(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Mean accuracy over tasks, against time or noise: a thin line for every copy, a thick one for their mean.

    Args:
        tables: as ``hardware.devices.at_times`` or ``at_noise``, or ``measures.copies.asked``, give them, by
            what the legend calls them; all against one of the two.

    Raises:
        ValueError: matplotlib is missing, or there is nothing to draw.
    """
    return painted(copies_picture(tables))


def copies_picture(tables: Mapping[str, pd.DataFrame], title: str = "") -> Picture:
    """What ``draw_copies`` draws. Times and noises stand side by side, whatever lies between them."""
    if not tables or len({"seconds" in table for table in tables.values()}) != 1:
        raise ValueError("draw_copies needs tables of at_times, or tables of at_noise: give one or more of one kind")
    by = "seconds" if "seconds" in next(iter(tables.values())) else "noise"
    places = sorted({float(value) for table in tables.values() for value in table[by]})
    marks: list[Mark] = []
    for number, table in enumerate(tables.values()):
        copies, colour = table.groupby([by, "draw"])["accuracy"].mean().unstack(), PALETTE[number % len(PALETTE)]
        across = [float(places.index(value)) for value in copies.index]
        thin = [list(zip(across, copies[draw].tolist(), strict=True)) for draw in copies]
        marks.append(Lines(points=thin, colours=[colour] * len(thin), width=0.6, alpha=0.35))
        marks.append(Line(x=across, y=copies.mean(axis=1), colour=colour, width=2))
        marks.append(Dots(x=across, y=copies.mean(axis=1), colours=colour, size=4))
    every = [table.groupby([by, "draw"])["accuracy"].mean() for table in tables.values()]
    keys = [Key(label=name, colour=PALETTE[k % len(PALETTE)], kind="line") for k, name in enumerate(tables)]
    panel = Panel(
        marks=marks,
        x=(-0.3, len(places) - 0.7),
        y=limits(*every),
        x_label="time after the run" if by == "seconds" else "standard deviation of a weight, share of the largest",
        y_label="accuracy, mean over tasks",
        x_ticks=[(float(k), _named(value, by)) for k, value in enumerate(places)],
        frame="corner",
        grid=True,
        keys=keys if len(keys) > 1 else (),
        keys_at="above",
    )
    return Picture(title=title, panels=[panel], width=6.4, height=3.8)


def _named(value: float, by: str) -> str:
    return NAMED_TIMES.get(value, f"{value:g} s") if by == "seconds" else f"{value:g}"
