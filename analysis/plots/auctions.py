"""Auctions over the rounds: what was asked and paid, and whether newborns kept their promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from smalti.analysis.growth import market
from smalti.analysis.plots.drawing.bands import draw_bands, whole_rounds
from smalti.analysis.plots.drawing.figure import PALETTE, QUIET, new_figure, quick_note, task_colour
from smalti.analysis.plots.drawing.painted import painted
from smalti.analysis.plots.drawing.picture import Dots, Key, Level, Line, Mark, Panel, Picture, limits
from smalti.analysis.runs import Run
from smalti.analysis.units import per_sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_prices(run: Run) -> Figure:
    """Prices asked and paid (above), and how many bids won and lost (below), in every round with an auction.

    Raises:
        ValueError: nobody has bid yet, or matplotlib is missing.
    """
    bids, rounds = run.table("bids"), run.table("rounds")
    if bids.empty:
        raise ValueError(f"{run.path} holds no bids: nobody wanted to be born (see growth.when)")
    prices = market.prices(bids)
    figure = new_figure(8.5, 5)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1.6, 1))
    at = prices.index
    for number, name in enumerate(("asked", "paid")):
        colour, shift = PALETTE[number], 0.16 * (2 * number - 1)
        median, largest = prices[f"{name}_median"], prices[f"{name}_max"]
        top.vlines(at + shift, median, largest, color=colour, lw=1.2, alpha=0.7)
        top.plot(at + shift, median, "o", ms=5, color=colour, label=f"{name}: median, line up to the largest")
    top.set_ylabel(f"price\n({per_sample(run)})")
    top.set_ylim(0, 1.2 * float(prices["asked_max"].max()) or 1.0)
    top.legend(frameon=False, fontsize=8, ncols=2, loc="upper left")
    lost = prices["bids"] - prices["won"]
    bottom.bar(at, prices["won"], width=0.8, color=PALETTE[2], label="won")
    bottom.bar(at, lost, width=0.8, bottom=prices["won"], color="#cccccc", label="lost")
    bottom.set(ylabel="bids", xlabel="round")
    bottom.set_ylim(0, 1.25 * float(prices["bids"].max()))
    bottom.legend(frameon=False, fontsize=8, ncols=2, loc="upper left")
    for axes in (top, bottom):
        draw_bands(axes, rounds, named=axes is top)
        axes.grid(alpha=0.3, axis="y")
    whole_rounds(bottom)
    figure.suptitle(f"prices at the auctions{quick_note(run)}", fontsize=11, color=QUIET)
    return figure


def draw_worth(run: Run) -> Figure:
    """Decrease of the loss that newborns predicted, against that of the round after their birth.

    Raises:
        ValueError: no round with births is followed by another of its experience, or matplotlib is missing.
    """
    return painted(worth_picture(run))


def worth_picture(run: Run) -> Picture:
    """What ``draw_worth`` draws."""
    worth = market.worth(run.table("bids"), run.table("rounds")).dropna(subset=["achieved"])
    if worth.empty:
        raise ValueError(f"{run.path} has no round with births that another of the same experience follows")
    reach = [0.0, float(max(worth["predicted"].max(), worth["achieved"].max()))]
    marks: list[Mark] = [Level(y=0, colour="#888888")]
    keys = []
    for task, part in worth.groupby("task"):
        colour, size = task_colour(int(str(task))), np.sqrt(12.0 * part["winners"])
        marks.append(Dots(x=part["predicted"], y=part["achieved"], colours=colour, size=size))
        keys.append(Key(label=f"task {task}", colour=colour))
    marks.append(Line(x=reach, y=reach, colour="#888888", width=1, dashed=True))
    return Picture(
        title="what newborns promised, and what became of the loss\n"
        "(openings of tasks left out; larger dots: more newborns)" + quick_note(run).replace(" (", "\n("),
        title_size=10,
        width=5.6,
        height=4.6,
        panels=[
            Panel(
                marks=marks,
                x=limits(reach, worth["predicted"]),
                y=limits(reach, worth["achieved"]),
                x_label=f"predicted: values of the round's winners ({per_sample(run)})",
                y_label=f"achieved: decrease of the training loss\nby the next round ({per_sample(run)})",
                grid=True,
                keys=[*keys, Key(label="as predicted", colour="#888888", kind="dashed")],
                keys_at="inside",
            )
        ],
    )
