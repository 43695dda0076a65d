"""How far links go, and how far spikes travel over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from smalti.analysis.chip import wiring
from smalti.analysis.plots.drawing.figure import PALETTE, quick_note
from smalti.analysis.plots.drawing.painted import painted
from smalti.analysis.plots.drawing.picture import Bars, Panel, Picture, Text
from smalti.analysis.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (
    ("links", "links", PALETTE[0]),
    ("spikes", "spikes per sample", PALETTE[1]),
    ("spike_hops", "hops x spikes per sample", PALETTE[4]),
)


def draw_hops(run: Run, spikes: pd.Series[float] | None = None) -> Figure:
    """Links between neurons by the routing tiles they cross; with ``spikes`` also the spikes that go so far.

    Args:
        run: the run.
        spikes: spikes of each neuron per sample (``analysis.anew.activity.spikes_per_sample``).

    Raises:
        ValueError: there is no link yet, or matplotlib is missing.
    """
    return painted(hops_picture(run, spikes))


def hops_picture(run: Run, spikes: pd.Series[float] | None = None) -> Picture:
    """What ``draw_hops`` draws."""
    table = wiring.hop_histogram(run, spikes)
    if table.empty:
        raise ValueError(f"{run.path} holds no link between neurons yet")
    panels = [_panel(table[column], label, colour) for column, label, colour in COLUMNS if column in table]
    title = f"how far links go; 0: within a tile{quick_note(run)}"
    return Picture(title=title, title_size=10, panels=panels, beside=True, width=1.4 + 3.1 * len(panels), height=3.4)


def _panel(counts: pd.Series[float], label: str, colour: str) -> Panel:
    heights = counts.tolist()
    numbers = [Text(x=x, y=high, text=f"{high:,.0f}", above=True) for x, high in enumerate(heights)]
    return Panel(
        marks=[Bars(x=range(len(heights)), height=heights, colours=colour), *numbers],
        x=(-0.6, len(heights) - 0.4),
        y=(0, 1.12 * max(heights) or 1.0),
        x_label="hops (routing tiles crossed)",
        y_label=label,
        x_ticks=[(x, str(hops)) for x, hops in enumerate(counts.index)],
        frame="corner",
    )
