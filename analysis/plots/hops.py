"""How far links go, and how far spikes travel over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from smalti.analysis import wiring
from smalti.analysis.plots.figure import PALETTE, QUIET, new_figure, quick_note
from smalti.analysis.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_hops(run: Run, spikes: pd.Series[float] | None = None) -> Figure:
    """Links between neurons by the routing tiles they cross; with ``spikes`` also the spikes that go so far.

    Args:
        run: the run.
        spikes: spikes of each neuron per sample (``analysis.activity.spikes_per_sample``).

    Raises:
        ValueError: there is no link yet, or matplotlib is missing.
    """
    table = wiring.hop_histogram(run, spikes)
    if table.empty:
        raise ValueError(f"{run.path} holds no link between neurons yet")
    columns = [("links", "links"), ("spikes", "spikes per sample"), ("spike_hops", "hops x spikes per sample")]
    shown = [(column, label) for column, label in columns if column in table]
    figure = new_figure(1.4 + 3.1 * len(shown), 3.4)
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, (column, label), colour in zip(panels, shown, (PALETTE[0], PALETTE[1], PALETTE[4]), strict=False):
        bars = axes.bar(table.index.astype(str), table[column], color=colour)
        axes.bar_label(bars, fmt="{:,.0f}", fontsize=8, padding=1)
        axes.margins(y=0.12)
        axes.set(xlabel="hops (routing tiles crossed)", ylabel=label)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"how far links go; 0: within a tile{quick_note(run)}", fontsize=10, color=QUIET)
    return figure
