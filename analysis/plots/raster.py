"""A spike raster: which neuron fired when, for one sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smalti.analysis.plots.figure import QUIET, new_figure, task_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from smalti.analysis.activity import Raster


def draw_raster(raster: Raster, sample: int = 0) -> Figure:
    """Spikes of the input channels (below) and of the hidden neurons (above), coloured by the task they were born for.

    Args:
        raster: as ``analysis.activity.spikes_of`` gives it.
        sample: which of its samples.

    Raises:
        ValueError: the raster has no such sample, or matplotlib is missing.
    """
    if not 0 <= sample < len(raster.labels):
        raise ValueError(f"sample = {sample}: the raster has the samples 0 to {len(raster.labels) - 1}")
    spikes = raster.spikes[raster.spikes["sample"] == sample]
    neurons = raster.neurons
    place = {int(neuron): row for row, neuron in enumerate(neurons["neuron"])}
    figure = new_figure(8, 6)
    from matplotlib.patches import Patch

    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1.6, 1))
    hidden = spikes[spikes["kind"] == "hidden"]
    for task, members in neurons.groupby("task"):
        own = hidden[hidden["unit"].isin(members["neuron"])]
        rows = [place[int(unit)] for unit in own["unit"]]
        top.scatter(own["step"], rows, marker="|", s=30, color=task_colour(int(str(task))))
    _boundaries(top, neurons["tile"].tolist())
    top.set_ylabel("hidden neuron, by tile\n(lines between tiles)")
    top.set_ylim(len(neurons) - 0.5, -0.5)
    marks = [Patch(color=task_colour(task), label=f"task {task}") for task in sorted(set(neurons["task"].tolist()))]
    top.legend(handles=marks, frameon=False, fontsize=8, ncols=8, loc="lower left", bbox_to_anchor=(0, 1.0))
    inputs = spikes[spikes["kind"] == "input"]
    bottom.scatter(inputs["step"], inputs["unit"], marker="|", s=16, color="#333333")
    bottom.set(xlabel="time step", ylabel="input channel")
    bottom.set_xlim(-0.5, raster.steps - 0.5)
    bottom.set_ylim(raster.channels - 0.5, -0.5)
    title = f"task {raster.task}, a sample of class {raster.labels[sample]}: {len(hidden)} spikes of hidden neurons"
    figure.suptitle(title, fontsize=11, color=QUIET)
    return figure


def _boundaries(axes: Axes, tiles: list[int]) -> None:
    for row in range(1, len(tiles)):
        if tiles[row] != tiles[row - 1]:
            axes.axhline(row - 0.5, color="#dddddd", lw=0.8, zorder=0)
