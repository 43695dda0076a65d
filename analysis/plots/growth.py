"""How a run grew: neurons, wires and loss over its rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smalti.analysis.plots.drawing.bands import draw_bands, whole_rounds
from smalti.analysis.plots.drawing.figure import PALETTE, QUIET, new_figure, quick_note
from smalti.analysis.runs import Run
from smalti.analysis.units import per_sample
from smalti.scheduler.records.pasted import pasted

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_growth_timeline(run: Run) -> Figure:
    """Hidden neurons, births, wires and training loss of every round; bands are experiences, coloured by task.

    Raises:
        ValueError: no round is finished yet, or matplotlib is missing.
    """
    rounds = run.table("rounds")
    if rounds.empty:
        raise ValueError(
            f"{run.path} has no finished round yet; `{pasted('smalti', 'resume', run.path)}` goes on with it"
        )
    figure = new_figure(8.5, 6.2)
    top, middle, bottom = figure.subplots(3, 1, sharex=True)
    at = rounds["round"]
    top.bar(at, rounds["born"], width=0.8, color="#999999", label="born in the round, outputs included")
    top.step(at, rounds["neurons"], where="mid", color=PALETTE[0], lw=1.8, label="hidden neurons alive")
    top.set_ylabel("hidden neurons")
    top.legend(frameon=False, fontsize=8, loc="upper left")
    middle.step(at, rounds["wires"], where="mid", color=PALETTE[4], lw=1.8)
    middle.set_ylabel("wires in use\n(on all sides of tiles)")
    middle.set_ylim(bottom=0)
    bottom.plot(at, rounds["loss"], "-o", ms=3, color=PALETTE[2], lw=1.4)
    bottom.set_ylabel(f"training loss\n({per_sample(run)})")
    bottom.set_ylim(bottom=0)
    bottom.set_xlabel("round")
    for axes in (top, middle, bottom):
        draw_bands(axes, rounds, named=axes is top)
        axes.grid(alpha=0.3, axis="y")
    whole_rounds(bottom)
    figure.suptitle(f"how the network grew, task after task{quick_note(run)}", fontsize=11, color=QUIET)
    return figure
