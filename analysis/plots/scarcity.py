"""A chip that fills up along the stream: prices, who found no room, and what was bought back, task after task."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from smalti.analysis.growth import reuse, scarcity
from smalti.analysis.plots.drawing.figure import PALETTE, QUIET, plain, quick_note, task_colour
from smalti.analysis.plots.drawing.painted import painted
from smalti.analysis.plots.drawing.picture import Bars, Dots, Key, Line, Lines, Mark, Panel, Picture, Text
from smalti.analysis.plots.reuse import MARKS, NUMBERED
from smalti.analysis.runs import Run
from smalti.analysis.units import unit_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

INK = "#333333"


def draw_scarcity(run: Run) -> Figure:
    """Prices of every task's bids; how full the chip was and how the task opened; neurons bought back for it.

    Raises:
        ValueError: no task has come yet, or matplotlib is missing.
    """
    return painted(scarcity_picture(run))


def scarcity_picture(run: Run) -> Picture:
    """What ``draw_scarcity`` draws."""
    table = scarcity.along(run)
    if table.empty:
        raise ValueError(f"{run.path} holds no task that has come; there is nothing to draw")
    return Picture(
        title=f"a chip that fills up{quick_note(run)}",
        panels=[_prices(table, unit_of(run.table("rounds"))), _openings(table), _bought(table)],
        width=max(6.4, 2.4 + 0.3 * len(table)),
        height=6.5,
    )


def _across(table: pd.DataFrame) -> tuple[float, float]:
    return -0.6, len(table) - 0.4


def _prices(table: pd.DataFrame, unit: str) -> Panel:
    """Mean prices with lines up to the largest, asked and paid, on a logarithmic axis."""
    marks: list[Mark] = []
    keys = []
    for number, name in enumerate(("asked", "paid")):
        columns = table[f"{name}_mean"].to_numpy(float), table[f"{name}_max"].to_numpy(float)
        mean, largest = (np.log10(np.where(values > 0, values, np.nan)) for values in columns)
        at, colour = np.arange(len(table)) + 0.16 * (2 * number - 1), PALETTE[number]
        known = np.flatnonzero(np.isfinite(mean) & np.isfinite(largest))
        upwards = [((at[k], mean[k]), (at[k], largest[k])) for k in known]
        marks.append(Lines(points=upwards, colours=[colour] * len(known), width=1.2, alpha=0.7))
        marks.append(Dots(x=at[known], y=mean[known], colours=colour, size=4))
        keys.append(Key(label=f"{name}: mean, line up to the largest", colour=colour))
    powers = _powers(table)
    return Panel(
        marks=marks,
        x=_across(table),
        y=(powers[0], powers[-1]),
        y_ticks=[(power, f"1e{power:d}") for power in powers],
        y_label=f"price ({unit})",
        frame="corner",
        grid=True,
        keys=keys,
        keys_at="above",
        columns=2,
        ratio=1.3,
    )


def _powers(table: pd.DataFrame) -> range:
    """Powers of ten from below the cheapest bid to above the dearest."""
    prices = table[["asked_mean", "asked_max", "paid_mean", "paid_max"]].to_numpy(float).ravel()
    prices = prices[prices > 0]  # NaN is not
    if not len(prices):
        return range(-1, 1)
    return range(math.floor(math.log10(prices.min())), math.floor(math.log10(prices.max())) + 2)


def _openings(table: pd.DataFrame) -> Panel:
    """How full the chip was, and the score by which each task opened; a seed expert has none yet and stands at 0."""
    score, used = table["score"].fillna(0.0).to_numpy(float), table["used"].to_numpy(float)
    steps = np.repeat(np.arange(len(table)), 2) + np.tile([-0.5, 0.5], len(table))
    marks: list[Mark] = [Line(x=steps, y=np.repeat(used, 2), colour=QUIET, width=1.2)]
    keys = []
    for step, (shape, hollow) in MARKS.items():
        own = np.flatnonzero((table["step"] == step).to_numpy())
        if len(own):
            marks.append(Dots(x=own, y=score[own], colours=INK, shape=shape, hollow=hollow, size=5))
            keys.append(Key(label=reuse.WAYS[step], colour=INK, kind=shape, hollow=hollow, size=5))
    full = np.flatnonzero((table["refused"] != "").to_numpy())
    if len(full):
        marks.append(Dots(x=full, y=np.full(len(full), 1.08), colours=PALETTE[1], shape="diamond", size=5))
        keys.append(Key(label="no room for a seed", colour=PALETTE[1], kind="diamond", size=5))
    return Panel(
        marks=marks,
        x=_across(table),
        y=(-0.06, 1.16),
        y_label="slots in use (line),\nscore at opening",
        frame="corner",
        grid=True,
        keys=keys,
        keys_at="above",
        columns=5,
        ratio=1.3,
    )


def _bought(table: pd.DataFrame) -> Panel:
    """Neurons that were bought back for each task, and what was paid."""
    counts = table["bought"].to_numpy(float)
    paid = [
        Text(x=x, y=counts[x], text=f"{table['paid'].iloc[x]:.2g}", colour=QUIET, size=7, above=True)
        for x in np.flatnonzero(counts).tolist()
    ]
    colours, many = [task_colour(int(task)) for task in table.index], len(table) > NUMBERED
    return Panel(
        marks=[Bars(x=range(len(table)), height=counts, colours=colours, width=0.7), *paid],
        x=_across(table),
        y=(0, 1.25 * max(1.0, float(counts.max()))),
        x_ticks=[(x, plain(name)) for x, name in enumerate(table["name"])],
        names=7 if many else 8,
        slanted=many,
        y_label="bought back\n(price above)",
        frame="corner",
        grid=True,
    )
