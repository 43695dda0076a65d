"""A single trial: the spikes that went in, those of the neurons that ran, and outputs against targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smalti.analysis.plots.figure import PALETTE, QUIET, new_figure, plain, task_colour
from smalti.analysis.units import in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smalti.analysis.trials import Trial

ASKED = "#e4e4e4"  # behind steps at which something is asked
MARK = 0.7  # height of a spike, rows


def draw_trial(trial: Trial) -> Figure:
    """Input spikes (above), spikes of the neurons that run, outputs (lines) and targets (dashed); asked steps shaded.

    Args:
        trial: as ``analysis.trials.trials`` gives it.

    Raises:
        ValueError: matplotlib is missing.
    """
    hidden = max(1, len(trial.neurons))
    figure = new_figure(7.2, 5.6)
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(1.1, min(1.3, 0.3 + 0.03 * hidden), 1.2))
    for axes in (top, middle, bottom):
        _shade(axes, trial.weights)
        axes.spines[["top", "right"]].set_visible(False)
    _spikes(top, trial.inputs, "#333333")
    top.set_ylabel("input channel")
    tasks = trial.neurons["task"].to_numpy(int)
    for task in sorted(set(tasks.tolist())):
        own = np.where(tasks == task, trial.spikes, False)
        _spikes(middle, own, task_colour(task), f"born for task {task}")
    middle.set_ylim(hidden - 0.5, -0.5)
    middle.set_ylabel("neuron\nthat runs")
    steps = np.arange(len(trial.outputs))
    for number, name in enumerate(trial.names):
        colour = PALETTE[number % len(PALETTE)]
        bottom.plot(steps, trial.outputs[:, number], color=colour, lw=1.5, label=plain(name))
        asked = np.where(trial.weights > 0, trial.targets[:, number], np.nan)
        bottom.plot(steps, asked, "--", color=colour, lw=1.2)
    bottom.plot([], [], "--", color="#777777", lw=1.2, label="target")
    bottom.set(xlabel="time step (shaded: asked)", ylabel="output")
    bottom.set_xlim(-0.5, len(trial.outputs) - 0.5)
    for axes in (middle, bottom):
        handles, _ = axes.get_legend_handles_labels()
        if len(handles) <= 12:
            axes.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.suptitle(
        f"task {trial.task}, {plain(trial.name)}: score {trial.value:.2g} ({in_words(trial.score)}), "
        f"{int(trial.spikes.sum())} spikes of {len(trial.neurons)} neurons",
        fontsize=11,
        color=QUIET,
    )
    return figure


def _spikes(axes: Axes, fired: NDArray[np.bool_], colour: str, label: str = "") -> None:
    """A short line a spike, all of them as one path, which keeps files small."""
    step, unit = np.nonzero(fired)
    gap = np.full(len(step), np.nan)
    x, y = np.stack([step, step, gap], 1).ravel(), np.stack([unit - MARK / 2, unit + MARK / 2, gap], 1).ravel()
    axes.plot(x, y, color=colour, lw=1.2, solid_capstyle="butt", label=label or None)
    axes.set_ylim(fired.shape[1] - 0.5, -0.5)


def _shade(axes: Axes, weights: NDArray[np.float32]) -> None:
    """Runs of steps at which something is asked."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], weights > 0, [0]]).astype(int)))
    for first, after in edges.reshape(-1, 2):
        axes.axvspan(first - 0.5, after - 0.5, color=ASKED, lw=0, zorder=0)
