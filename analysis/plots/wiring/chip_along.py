"""The chip at several moments of a run, neurons coloured by functional cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from smalti.analysis.chip import modules
from smalti.analysis.moments import moments
from smalti.analysis.outcomes import living
from smalti.analysis.plots.drawing.figure import quick_note
from smalti.analysis.plots.drawing.painted import painted
from smalti.analysis.plots.drawing.picture import Panel, Picture, Text
from smalti.analysis.plots.wiring.chip import LETTERS, chip_keys, chip_picture
from smalti.analysis.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 4  # moments, where nobody says which
ABOVE = 0.7  # room for the name of a moment, in drawing units


def draw_chip_along(run: Run, rounds: tuple[int, ...] = ()) -> Figure:
    """The chip at moments of a run with snapshots, coloured by functional cluster; a colour stays with its cluster.

    Args:
        run: the run.
        rounds: of which moments; by default of ``some_moments``.

    Raises:
        ValueError: it has no such moment, it cannot be asked, or matplotlib is missing.
    """
    return painted(chip_along_picture(run, modules.clusters_along(run, rounds or some_moments(run))))


def chip_along_picture(run: Run, clusters: Mapping[int, pd.Series[int]]) -> Picture:
    """What ``draw_chip_along`` draws, at the moments of these clusters, as ``modules.clusters_along`` gives them."""
    there = moments(run)
    panels = [_panel(there[number], number, own) for number, own in clusters.items()]
    groups = sorted({group for own in clusters.values() for group in own})
    keys = chip_keys(living(there[max(clusters)]), dict(enumerate(groups)))
    panels[-1] = replace(panels[-1], keys=keys, keys_at="below", columns=min(4, len(keys)))
    high = sum(abs(panel.y[1] - panel.y[0]) for panel in panels)
    return Picture(
        title="functional clusters along training" + quick_note(run).replace(" (", "\n("),
        title_size=LETTERS,
        letters=LETTERS,
        panels=panels,
        width=0.95 * panels[0].x[1],
        height=0.95 * high + 0.6,
        layout=False,
    )


def some_moments(run: Run) -> list[int]:
    """``MOST`` of its moments at the most, evenly apart, the first and the last among them."""
    numbers = list(moments(run))
    last = len(numbers) - 1
    return list(dict.fromkeys(numbers[round(place * last / (MOST - 1))] for place in range(MOST)))


def _panel(then: Run, number: int, clusters: pd.Series[int]) -> Panel:
    (panel,) = chip_picture(then, clusters=clusters).panels
    name = Text(x=panel.x[1] / 2, y=-ABOVE / 2, text=f"after round {number}", size=LETTERS)
    return replace(panel, marks=[*panel.marks, name], y=(panel.y[0], -ABOVE), keys=())
