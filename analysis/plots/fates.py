"""What becomes of newborns: their gradients beside those of incumbents, and how many have mattered, by age."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smalti.analysis.fates import MATTERS, by_age, fates, has_fates
from smalti.analysis.plots.bands import whole_rounds
from smalti.analysis.plots.figure import PALETTE, QUIET, new_figure, quick_note
from smalti.analysis.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_fates(run: Run) -> Figure:
    """Gradients of newborns over those of incumbents (left), and the share that has mattered so far (right), by age.

    Raises:
        ValueError: nobody was grown, fates were not measured (``growth.fates``), or matplotlib is missing.
    """
    if not has_fates(run):
        raise ValueError(f"{run.path} has no fates of newborns: set growth.fates, and let something grow")
    ages, ends = by_age(run), fates(run)
    figure = new_figure(8.5, 3.6)
    left, right = figure.subplots(1, 2)
    for number, (name, said) in enumerate((("gradient_in", "over the fan-in"), ("gradient_out", "over the fan-out"))):
        left.plot(ages.index, ages[name], "o-", ms=4, color=PALETTE[number], label=said)
    left.axhline(1, color="#888888", lw=1, ls="--", label="as incumbents")
    left.set(xlabel="age (rounds)", ylabel="gradient of newborns over\nincumbents' (median)")
    left.set_ylim(bottom=0)
    for number, (grown, said) in enumerate(((True, "newborns"), (False, "neurons of seeds"))):
        own = ends[ends["grown"] == grown]
        come = own["after"].dropna().sort_values()
        share = [(rank + 1) / len(own) for rank in range(len(come))]
        at, height = [0.0, *come, float(run.table("fates")["age"].max())], [0.0, *share, share[-1] if share else 0.0]
        right.step(at, height, where="post", color=PALETTE[2 + number], label=f"{said} ({len(own)})")
    right.set(xlabel="age (rounds)", ylabel=f"share that has mattered\n(loss rises by {MATTERS:.0%} without it)")
    right.set_ylim(0, 1.02)
    for axes in (left, right):
        axes.legend(frameon=False, fontsize=8)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        whole_rounds(axes)
    figure.suptitle(f"what becomes of newborns{quick_note(run)}", fontsize=11, color=QUIET)
    return figure
