"""The weights between neurons that take part, sorted by functional cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from smalti.analysis.chip import modules, structure
from smalti.analysis.plots.drawing.figure import quick_note, task_colour
from smalti.analysis.plots.drawing.painted import painted
from smalti.analysis.plots.drawing.picture import Boxes, Cells, Lines, Mark, Panel, Picture, Scale
from smalti.analysis.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FULL = 0.9  # quantile of the weights that the ramp of colours ends at
STRIP = 0.025  # width of the strips of colour, as a share of the matrix


def draw_connectivity(run: Run, clusters: pd.Series[int] | None = None) -> Figure:
    """|w| from source (row) to target (column) between neurons that take part, clusters together, with their borders.

    Args:
        run: the run, or what it was at a moment (``run.at``).
        clusters: cluster of neurons by their id; those of ``modules.clusters`` by default. Within a cluster neurons
            stand by their tiles.

    Raises:
        ValueError: nothing weighs anything between them, the run cannot be asked, or matplotlib is missing.
    """
    return painted(connectivity_picture(run, modules.clusters(run) if clusters is None else clusters))


def connectivity_picture(run: Run, clusters: pd.Series[int]) -> Picture:
    """What ``draw_connectivity`` draws."""
    network = structure.graph(run)
    tiles = [network.nodes[neuron]["tile"] for neuron in clusters.index]
    order = clusters.iloc[np.lexsort((clusters.index, tiles, clusters))]
    weight = modules.weight_between(network, order.index.tolist())
    if not weight.any():
        raise ValueError(f"{run.path} has no weight between its {len(order)} clustered neurons")
    most = float(np.quantile(weight[weight > 0], FULL))
    count, strip = len(order), STRIP * len(order)
    begins = np.flatnonzero(np.diff(order.to_numpy(), prepend=-1))
    ends = np.append(begins[1:], count)
    middles = zip(((begins + ends - 1) / 2).tolist(), order.iloc[begins].tolist(), strict=True)
    names = [(middle, str(cluster)) for middle, cluster in middles]
    edge = -0.5 - strip
    marks: list[Mark] = [
        Cells(values=np.where(weight > 0, weight, np.nan), ramp="cividis_r", most=most),
        *_strips(order, begins, ends, strip),
        _borders(begins, count),
    ]
    panel = Panel(
        marks=marks,
        x=(edge, count - 0.5),
        y=(count - 0.5, edge),
        x_label="target, by cluster",
        y_label="source, by cluster",
        x_ticks=names,
        y_ticks=names,
        frame="none",
        scale=Scale(ramp="cividis_r", most=most, ticks=_ticks(most), label="|w|, from the 90th percentile on alike"),
    )
    title = f"weights between the {count} neurons that take part{quick_note(run)}"
    return Picture(title=title, panels=[panel], width=7.0, height=6.0)


def _strips(order: pd.Series[int], begins: np.ndarray, ends: np.ndarray, strip: float) -> list[Mark]:
    """Colours of the clusters, beside the rows and above the columns."""
    fills = [task_colour(cluster) for cluster in order.iloc[begins].tolist()]
    long, edge = ends - begins, -0.5 - strip
    return [
        Boxes(x=edge, y=begins - 0.5, width=strip, height=long, fills=fills, edge="#ffffff", edge_width=0.3),
        Boxes(x=begins - 0.5, y=edge, width=long, height=strip, fills=fills, edge="#ffffff", edge_width=0.3),
    ]


def _borders(begins: np.ndarray, count: int) -> Lines:
    places = [-0.5, *(begins[1:] - 0.5).tolist(), count - 0.5]
    first, last = places[0], places[-1]
    points = [[(place, first), (place, last)] for place in places]
    points += [[(first, place), (last, place)] for place in places]
    return Lines(points=points, colours=["#888888"] * len(points), width=0.6, alpha=1)


def _ticks(most: float) -> list[tuple[float, str]]:
    return [(share * most, f"{share * most:.2g}") for share in (0.0, 0.5, 1.0)]
