"""A picture of the chip: tiles with their neurons coloured by task, routing tiles and wires by load."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from smalti.analysis.outcomes import living
from smalti.analysis.plots.figure import QUIET, new_figure, quick_note, save_figure, task_colour
from smalti.analysis.plots.routes import route_points
from smalti.analysis.runs import Run, load_run
from smalti.model.chip.fabric import SIDES, STEP

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TILE, SIDE = 1.6, 0.42  # widths of a tile and of the routing lane between tiles, in drawing units
LETTERS = 14  # points; large, for the picture is shrunk to the width of a phone
LOADS = "plasma_r"  # colour map of loads


def save_chip(path: Path | str, picture: Path | str) -> None:
    """Draw the chip of a run folder into a file (.svg, .png or .pdf).

    Raises:
        ValueError: matplotlib is missing, the folder is no run, or the file type is unknown.
    """
    save_figure(lambda: draw_chip(load_run(path)), Path(picture))


def draw_chip(run: Run, wires: Literal["task", "load"] = "task") -> Figure:
    """Figure of the chip as it is after the last round.

    Args:
        run: the run.
        wires: what colours a wire: the task of its source, or the load of the sides that it leaves by (wires in use
            / wires there are).

    Raises:
        ValueError: another colouring is asked for, or matplotlib is missing.
    """
    if wires not in ("task", "load"):
        raise ValueError(f"wires = {wires!r} is unknown; take task or load")
    fabric = run.config["fabric"]
    extent = _edges(fabric["cols"])[-1], _edges(fabric["rows"])[-1]
    figure = new_figure(extent[0] * 0.95, extent[1] * 0.95 + 0.6, layout=None)
    axes = figure.add_subplot()
    axes.set_xlim(0, extent[0])
    axes.set_ylim(extent[1], 0)
    axes.set_aspect("equal")
    axes.axis("off")
    _draw_routers(axes, run, fabric)
    _draw_links(axes, run, fabric, wires)
    _draw_tiles(axes, living(run), fabric)
    _legend(figure, axes, run)
    return figure


def _edges(tiles: int) -> np.ndarray:
    """Borders of the grid cells along one axis: lane, tile, lane, tile, ..., lane."""
    return np.cumsum([0.0, *([SIDE, TILE] * tiles), SIDE])


def _draw_tiles(axes: Axes, alive: pd.DataFrame, fabric: dict[str, Any]) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import FancyBboxPatch

    xs, ys, count = _edges(fabric["cols"]), _edges(fabric["rows"]), fabric["neurons_per_tile"]
    dead = {tuple(place) for place in fabric["dead_tiles"]}
    tiles = [(row, col) for row in range(fabric["rows"]) for col in range(fabric["cols"])]
    corners = [(xs[2 * col + 1], ys[2 * row + 1]) for row, col in tiles]
    boxes = [FancyBboxPatch(at, TILE, TILE, boxstyle="round,pad=0,rounding_size=0.1") for at in corners]
    fills = ["#dddddd" if tile in dead else "white" for tile in tiles]
    axes.add_collection(PatchCollection(boxes, facecolors=fills, edgecolors="#555555", linewidths=1))
    wide = int(np.ceil(np.sqrt(count)))
    within = TILE / (wide + 0.6) * (np.stack([np.arange(count) % wide, np.arange(count) // wide], axis=1) + 0.8)
    places = (np.array(corners)[:, None] + within).reshape(-1, 2)  # of all slots
    free = np.delete(places, alive["slot"].to_numpy(dtype=int), axis=0)
    axes.scatter(free[:, 0], free[:, 1], s=9, marker="o", color="#e4e4e4", zorder=5)
    for marker, some in (("o", alive[alive["kind"] != "output"]), ("s", alive[alive["kind"] == "output"])):
        colours = [task_colour(int(task)) for task in some["task"]]
        x, y = places[some["slot"].to_numpy(dtype=int)].T
        axes.scatter(x, y, s=36, marker=marker, color=colours, zorder=5)


def _draw_routers(axes: Axes, run: Run, fabric: dict[str, Any]) -> None:
    """Routing tiles, the darker the fuller their fullest side."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    ports = run.table("ports")
    now = ports[(ports["round"] == ports["round"].max()) & (ports["kind"] != "tile")].copy()
    now["load"] = now["used"] / now["capacity"].clip(lower=1)
    now["broken"] = now["capacity"] == 0
    cells = now.groupby(["grid_row", "grid_col"]).agg({"load": "max", "broken": "all"}).reset_index()
    xs, ys = _edges(fabric["cols"]), _edges(fabric["rows"])
    rows, cols = cells["grid_row"].to_numpy(), cells["grid_col"].to_numpy()
    sizes = zip(xs[cols], ys[rows], np.diff(xs)[cols], np.diff(ys)[rows], strict=True)
    shades = [
        "#cc3311" if broken else str(0.96 - 0.45 * load)
        for load, broken in zip(cells["load"].tolist(), cells["broken"].tolist(), strict=True)
    ]
    patches = [Rectangle((x, y), width, height) for x, y, width, height in sizes]
    axes.add_collection(PatchCollection(patches, facecolors=shades, edgecolors="white", linewidths=0.8, zorder=0))


def _draw_links(axes: Axes, run: Run, fabric: dict[str, Any], by: str) -> None:
    """Wires in use: every route as a thin line along its cells, from the edge of a tile to that of another."""
    from matplotlib.collections import LineCollection

    loads = _loads(run) if by == "load" else {}
    links, neurons = run.table("links"), run.table("neurons").set_index("neuron")
    routed = links[(links["kind"] == "routed") & links["retired_round"].isna()]
    sources = neurons.loc[routed["source"]]
    owners = zip(*(sources[name].tolist() for name in ("tile", "slot", "task")), strict=True)
    xs, ys = _edges(fabric["cols"]).tolist(), _edges(fabric["rows"]).tolist()
    width, count = 2 * fabric["cols"] + 1, fabric["neurons_per_tile"]
    lines, colours = [], []
    for (tile, slot, task), target, path in zip(owners, routed["target_tile"], routed["path"], strict=True):
        cells = [_tile_cell(tile, fabric), *(divmod(int(cell), width) for cell in path), _tile_cell(target, fabric)]
        points = route_points(cells, xs, ys, (slot % count / count - 0.5) * SIDE * 0.8)
        if by == "task":
            lines.append(points)
            colours.append(task_colour(task))
            continue
        for step, (here, there) in enumerate(pairwise(cells)):
            lines.append(points[step : step + 2])
            colours.append(_shade(loads[here, (there[0] - here[0], there[1] - here[1])]))
    strength = {"linewidths": 0.5, "alpha": 0.55} if by == "task" else {"linewidths": 0.8, "alpha": 0.7}
    axes.add_collection(LineCollection(lines, colors=colours, zorder=1, **strength))
    if by == "load":
        from matplotlib.cm import ScalarMappable

        bar = axes.figure.colorbar(ScalarMappable(cmap=LOADS), ax=axes, shrink=0.6, pad=0.02)
        bar.set_label("share of the wires of a side in use", fontsize=8)


def _loads(run: Run) -> dict[tuple[tuple[int, int], tuple[int, int]], float]:
    """Share of wires in use of every side outwards: (cell, step over the side) -> share."""
    ports = run.table("ports")
    now = ports[(ports["round"] == ports["round"].max()) & (ports["direction"] == "out")]
    step = dict(zip(SIDES, STEP, strict=True))
    columns = (now[name] for name in ("grid_row", "grid_col", "side", "used", "capacity"))
    return {
        ((int(row), int(col)), step[side]): used / max(capacity, 1)
        for row, col, side, used, capacity in zip(*columns, strict=True)
    }


def _shade(load: float) -> Any:
    from matplotlib import colormaps

    return colormaps[LOADS](load)


def _tile_cell(tile: int, fabric: dict[str, Any]) -> tuple[int, int]:
    row, col = divmod(tile, fabric["cols"])
    return 2 * row + 1, 2 * col + 1


def _legend(figure: Figure, axes: Axes, run: Run) -> None:
    from matplotlib.lines import Line2D

    tasks = sorted(living(run)["task"].unique())
    marks = [Line2D([], [], ls="", marker="o", color=task_colour(int(task)), label=f"task {task}") for task in tasks]
    marks.append(Line2D([], [], ls="", marker="s", color="#555555", label="output"))
    marks.append(Line2D([], [], ls="", marker="o", ms=3, color="#cccccc", label="free slot"))
    place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "ncols": min(4, len(marks))}
    axes.legend(handles=marks, fontsize=LETTERS, frameon=False, **place)
    title = "inputs enter from the north, outputs are read in the south"
    axes.set_title(title + quick_note(run).replace(" (", "\n("), fontsize=LETTERS, color=QUIET)
