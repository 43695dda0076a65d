"""How late and how right a gate of stages answers, for margins from which on it is sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smalti.analysis.anew.early_exit import early_exits
from smalti.analysis.plots.drawing.figure import PALETTE, new_figure, quick_note
from smalti.analysis.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_early_exit(run: Run, split: str = "validation") -> Figure:
    """Accuracy of the gating network alone against the steps that it hears, and against its additions.

    Args:
        run: a run with ``gating.network = "staged"``.
        split: validation or test.

    Raises:
        ValueError: the gate has no stages, the checkpoint is missing, or matplotlib.
    """
    table = early_exits(run, split)
    own, free = table.iloc[0], table.iloc[1:]
    figure = new_figure(8.4, 3.8)
    for axes, cost, unit in zip(
        figure.subplots(1, 2, sharey=True), ("latency", "adds"), ("time steps heard", "additions"), strict=True
    ):
        axes.plot(free[cost], 100 * free["accuracy"], "o-", color=PALETTE[0], ms=4, label="one margin for all stages")
        axes.plot([own[cost]], [100 * own["accuracy"]], "s", color=PALETTE[1], ms=7, label="the run's margins")
        axes.set_xlabel(f"{unit}, mean over samples")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel(f"{split} accuracy of the gate alone, %")
    figure.axes[1].legend(frameon=False, fontsize=8, loc="lower right")
    figure.suptitle(f"answering as soon as it is sure{quick_note(run)}", fontsize=10)
    return figure
