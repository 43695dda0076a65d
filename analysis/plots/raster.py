"""A spike raster: which neuron fired when, for one sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smalti.analysis.plots.drawing.figure import task_colour
from smalti.analysis.plots.drawing.painted import painted
from smalti.analysis.plots.drawing.picture import Dots, Key, Level, Mark, Panel, Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from smalti.analysis.anew.activity import Raster


def draw_raster(raster: Raster, sample: int = 0) -> Figure:
    """Spikes of the input channels (below) and of the hidden neurons (above), coloured by the task they were born for.

    Args:
        raster: as ``analysis.anew.activity.spikes_of`` gives it.
        sample: which of its samples.

    Raises:
        ValueError: the raster has no such sample, or matplotlib is missing.
    """
    return painted(raster_picture(raster, sample))


def raster_picture(raster: Raster, sample: int = 0) -> Picture:
    """What ``draw_raster`` draws."""
    if not 0 <= sample < len(raster.labels):
        raise ValueError(f"sample = {sample}: the raster has the samples 0 to {len(raster.labels) - 1}")
    spikes, neurons = raster.spikes[raster.spikes["sample"] == sample], raster.neurons
    place = {int(neuron): row for row, neuron in enumerate(neurons["neuron"])}
    hidden, inputs = (spikes[spikes["kind"] == kind] for kind in ("hidden", "input"))
    marks: list[Mark] = [Level(y=row - 0.5, colour="#dddddd") for row in _first_of_tiles(neurons["tile"].tolist())]
    for task, members in neurons.groupby("task"):
        own = hidden[hidden["unit"].isin(members["neuron"])]
        rows = [place[int(unit)] for unit in own["unit"]]
        marks.append(Dots(x=own["step"], y=rows, shape="dash", size=5.5, colours=task_colour(int(str(task)))))
    tasks = sorted(set(neurons["task"].tolist()))
    steps, high = (-0.5, raster.steps - 0.5), max(1, len(neurons))  # where nobody is there, an empty row
    above = Panel(
        marks=marks,
        x=steps,
        y=(high - 0.5, -0.5),
        y_label="hidden neuron, by tile\n(lines between tiles)",
        keys=[Key(label=f"task {task}", colour=task_colour(task), kind="square") for task in tasks],
        keys_at="above",
        columns=8,
        ratio=1.6,
    )
    below = Panel(
        marks=[Dots(x=inputs["step"], y=inputs["unit"], shape="dash", size=4, colours="#333333")],
        x=steps,
        y=(raster.channels - 0.5, -0.5),
        x_label="time step",
        y_label="input channel",
    )
    title = f"task {raster.task}, a sample of class {raster.labels[sample]}: {len(hidden)} spikes of hidden neurons"
    return Picture(title=title, panels=[above, below], width=8, height=6)


def _first_of_tiles(tiles: list[int]) -> list[int]:
    """Rows with which another tile begins."""
    return [row for row in range(1, len(tiles)) if tiles[row] != tiles[row - 1]]
