"""Accuracy of copies of a chip against time or noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from smalti.analysis.plots.figure import PALETTE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMED_TIMES = {1.0: "1 s", 3600.0: "1 h", 86400.0: "1 day", 2592000.0: "30 days", 31536000.0: "1 year"}


def draw_copies(tables: dict[str, pd.DataFrame]) -> Figure:
    """Mean accuracy over tasks, against time or noise: a line for the mean over copies, a band from 5 to 95 % of them.

    Args:
        tables: as ``analysis.hardware.devices.at_times`` or ``at_noise`` gives them, by what the legend calls
            them; all of one of the two.

    Raises:
        ValueError: matplotlib is missing, or there is nothing to draw.
    """
    if not tables or len({"seconds" in table for table in tables.values()}) != 1:
        raise ValueError("draw_copies needs tables of at_times, or tables of at_noise: give one or more of one kind")
    by = "seconds" if "seconds" in next(iter(tables.values())) else "noise"
    figure = new_figure(6.4, 3.8)
    axes = figure.subplots()
    for number, (name, table) in enumerate(tables.items()):
        copies = table.groupby([by, "draw"])["accuracy"].mean().unstack()
        colour = PALETTE[number % len(PALETTE)]
        axes.plot(copies.index, copies.mean(axis=1), "o-", color=colour, ms=4, label=name)
        low, high = (copies.quantile(share, axis=1) for share in (0.05, 0.95))
        axes.fill_between(copies.index.to_numpy(float), low, high, color=colour, alpha=0.2, lw=0)
    axes.set_ylabel("accuracy, mean over tasks")
    if by == "seconds":
        axes.set_xscale("log")
        ticks = sorted({float(t) for table in tables.values() for t in table["seconds"]})
        axes.set_xticks(ticks, [NAMED_TIMES.get(tick, f"{tick:g} s") for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("time after the run")
    else:
        axes.set_xlabel("standard deviation of a weight, share of the largest")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure
