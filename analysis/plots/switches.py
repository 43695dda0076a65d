"""How soon feedback finds the right expert: a square for every pair of experts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from smalti.analysis.measures import switches
from smalti.analysis.plots.drawing.figure import PALETTE, quick_note
from smalti.analysis.plots.drawing.painted import painted
from smalti.analysis.plots.drawing.picture import Boxes, Cells, Floats, Panel, Picture, Scale, Text
from smalti.analysis.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    return painted(switches_picture(run, split))


def switches_picture(run: Run, split: str = "test") -> Picture:
    """What ``draw_switches`` draws."""
    pairs = switches.pairs(run, split)
    if pairs.empty:
        raise ValueError(f"{run.path} has no blocks of trials in which feedback chose experts (table switches)")
    values = pairs.to_numpy(float)
    high, wide = values.shape
    numbered = max(values.shape) <= NUMBERED
    cell, every = (0.45, 1) if numbered else (0.14, 5)
    row, column = np.nonzero(np.isinf(values))
    never = Boxes(x=column - 0.5, y=row - 0.5, width=1, height=1, fills=[NEVER] * len(row), edge=NEVER, edge_width=0)
    cells = Cells(values=np.minimum(values, WITHIN), ramp="cividis_r", most=WITHIN)
    panel = Panel(
        marks=[cells, never, *(_numbers(values) if numbered else ())],
        x=(-0.5, wide - 0.5),
        y=(high - 0.5, -0.5),
        x_label="right expert",
        y_label="expert believed in at first",
        x_ticks=[(place, str(pairs.columns[place])) for place in range(0, wide, every)],
        y_ticks=[(place, str(pairs.index[place])) for place in range(0, high, every)],
        frame="none",
        scale=Scale(
            ramp="cividis_r",
            most=WITHIN,
            ticks=[*((trials, str(trials)) for trials in (0, 5, 10, 15)), (WITHIN, f"{WITHIN} or more")],
            label="trials",
        ),
    )
    title = f"trials until the right expert answers{quick_note(run)}"
    size = max(4.6, 2.4 + cell * wide), max(3.0, 1.4 + cell * high)
    return Picture(title=title, title_size=10, panels=[panel], width=size[0], height=size[1])


def _numbers(values: Floats) -> Iterator[Text]:
    """Trials of every pair, in letters that can be read on its colour."""
    for (row, column), trials in np.ndenumerate(values):
        if not np.isnan(trials):
            colour = "#000000" if trials < WITHIN / 2 or np.isinf(trials) else "#ffffff"
            text = "never" if np.isinf(trials) else f"{trials:.0f}"
            yield Text(x=column, y=row, text=text, colour=colour, size=8 if len(text) < 3 else 6)
