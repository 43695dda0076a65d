"""What becomes of newborns: their gradients beside those of incumbents, and how many have mattered, by age."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from smalti.analysis.growth.fates import MATTERS, by_age, fates, has_fates
from smalti.analysis.plots.drawing.figure import PALETTE, quick_note
from smalti.analysis.plots.drawing.painted import painted
from smalti.analysis.plots.drawing.picture import Dots, Key, Line, Mark, Panel, Picture
from smalti.analysis.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GREY = "#888888"


def draw_fates(run: Run) -> Figure:
    """Gradients of newborns over those of incumbents (left), and the share that has mattered so far (right), by age.

    Raises:
        ValueError: nobody was grown, fates were not measured (``growth.fates``), or matplotlib is missing.
    """
    return painted(fates_picture(run))


def fates_picture(run: Run) -> Picture:
    """What ``draw_fates`` draws."""
    if not has_fates(run):
        raise ValueError(f"{run.path} has no fates of newborns: set growth.fates, and let something grow")
    oldest = max(1.0, float(run.table("fates")["age"].max()))
    return Picture(
        title=f"what becomes of newborns{quick_note(run)}",
        panels=[_gradients(by_age(run), oldest), _mattered(fates(run), oldest)],
        beside=True,
        width=8.5,
        height=3.6,
    )


def _gradients(ages: pd.DataFrame, oldest: float) -> Panel:
    across = (-0.05 * oldest, 1.05 * oldest)
    marks: list[Mark] = [Line(x=across, y=[1, 1], colour=GREY, width=1, dashed=True)]
    keys = [Key(label="as incumbents", colour=GREY, kind="dashed")]
    for number, (name, said) in enumerate((("gradient_in", "over the fan-in"), ("gradient_out", "over the fan-out"))):
        marks.append(Line(x=ages.index, y=ages[name], colour=PALETTE[number]))
        marks.append(Dots(x=ages.index, y=ages[name], colours=PALETTE[number], size=4))
        keys.append(Key(label=said, colour=PALETTE[number]))
    most = float(np.nanmax([1.0, *ages["gradient_in"], *ages["gradient_out"]]))
    return Panel(
        marks=marks,
        x=across,
        y=(0, 1.1 * most),
        x_label="age (rounds)",
        y_label="gradient of newborns over\nincumbents' (median)",
        frame="corner",
        grid=True,
        keys=keys,
        keys_at="above",
        columns=1,
    )


def _mattered(ends: pd.DataFrame, oldest: float) -> Panel:
    marks: list[Mark] = []
    keys = []
    for number, (grown, said) in enumerate(((True, "newborns"), (False, "neurons of seeds"))):
        own, colour = ends[ends["grown"] == grown], PALETTE[2 + number]
        come = np.sort(own["after"].dropna().to_numpy(float))
        share = np.arange(len(come) + 1) / max(1, len(own))
        at = np.repeat([0.0, *come, oldest], 2)[1:-1]  # up at each age, level to the next
        marks.append(Line(x=at, y=np.repeat(share, 2), colour=colour))
        keys.append(Key(label=f"{said} ({len(own)})", colour=colour, kind="line"))
    return Panel(
        marks=marks,
        x=(-0.05 * oldest, 1.05 * oldest),
        y=(0, 1.02),
        x_label="age (rounds)",
        y_label=f"share that has mattered\n(loss rises by {MATTERS:.0%} without it)",
        frame="corner",
        grid=True,
        keys=keys,
        keys_at="above",
        columns=1,
    )
