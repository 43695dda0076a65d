"""A picture of the chip: tiles with their neurons coloured by task or cluster, routing tiles and wires by load."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from smalti.analysis.outcomes import living
from smalti.analysis.plots.drawing.faults import DEAD_TILE, fault_keys, fault_marks, faults_of
from smalti.analysis.plots.drawing.figure import quick_note, save_figure, task_colour
from smalti.analysis.plots.drawing.painted import painted
from smalti.analysis.plots.drawing.picture import Boxes, Dots, Floats, Key, Lines, Mark, Panel, Picture, Scale, Shape
from smalti.analysis.plots.drawing.ramps import Ramp, shade
from smalti.analysis.plots.drawing.routes import route_points
from smalti.analysis.runs import Run, load_run
from smalti.model.chip.fabric import SIDES, STEP

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TILE, SIDE = 1.6, 0.42  # widths of a tile and of the routing lane between tiles, in drawing units
LETTERS = 14  # points; large, for the picture is shrunk to the width of a phone
OTHERS = "#b0b0b0"  # colour of neurons that are in no cluster
LOADS: Ramp = "plasma_r"  # colours of loads
SHARES = tuple((tenths / 10, f"{tenths / 10:.1f}") for tenths in range(0, 11, 2))


def save_chip(path: Path | str, picture: Path | str) -> None:
    """Draw the chip of a run folder into a file (.svg, .png or .pdf).

    Raises:
        ValueError: matplotlib is missing, the folder is no run, or the file type is unknown.
    """
    save_figure(lambda: draw_chip(load_run(path)), Path(picture))


def draw_chip(run: Run, wires: Literal["task", "load"] = "task", clusters: pd.Series[int] | None = None) -> Figure:
    """Figure of the chip as it is after the last round.

    Args:
        run: the run.
        wires: what colours a wire: the task of its source, or the load of the sides that it leaves by (wires in use
            / wires there are).
        clusters: cluster of neurons by their id (``anew.activity.functional_clusters``), which then colours them
            and their wires in place of the task; all others are grey.

    Raises:
        ValueError: another colouring is asked for, or matplotlib is missing.
    """
    return painted(chip_picture(run, wires, clusters))


def chip_picture(run: Run, wires: Literal["task", "load"] = "task", clusters: pd.Series[int] | None = None) -> Picture:
    """What ``draw_chip`` draws."""
    if wires not in ("task", "load"):
        raise ValueError(f"wires = {wires!r} is unknown; take task or load")
    fabric, alive = run.config["fabric"], living(run)
    wide, high = _edges(fabric["cols"])[-1], _edges(fabric["rows"])[-1]
    groups = None if clusters is None else dict(zip(clusters.index.tolist(), clusters.tolist(), strict=True))
    colours, faults = _colours(alive, groups), faults_of(run)
    broken = [] if faults is None else fault_marks(run, faults, _slots(fabric), *map(_edges, _size(fabric)))
    keys = [*chip_keys(alive, groups), *([] if faults is None else fault_keys(faults))]
    tiles = _tiles(alive, fabric, colours, () if faults is None else faults.tiles)
    panel = Panel(
        marks=[_routers(run, fabric), _links(run, fabric, wires, colours), *tiles, *broken],
        x=(0, wide),
        y=(high, 0),
        frame="bare",
        scale=Scale(ramp=LOADS, most=1, ticks=SHARES, label="share of the wires of a side in use")
        if wires == "load"
        else None,
        keys=keys,
        keys_at="below",
        columns=min(4, len(keys)),
    )
    title = "inputs enter from the north, outputs are read in the south" + quick_note(run).replace(" (", "\n(")
    return Picture(
        title=title,
        title_size=LETTERS,
        letters=LETTERS,
        panels=[panel],
        width=0.95 * wide,
        height=0.95 * high + 0.6,
        layout=False,
    )


def _edges(tiles: int) -> np.ndarray:
    """Borders of the grid cells along one axis: lane, tile, lane, tile, ..., lane."""
    return np.cumsum([0.0, *([SIDE, TILE] * tiles), SIDE])


def _colours(alive: pd.DataFrame, groups: Mapping[int, int] | None) -> dict[int, str]:
    """Colour of every living neuron by its id: of its task, or of its group."""
    if groups is None:
        return {
            int(neuron): task_colour(int(task)) for neuron, task in zip(alive["neuron"], alive["task"], strict=True)
        }
    return {int(n): task_colour(groups[int(n)]) if int(n) in groups else OTHERS for n in alive["neuron"]}


def _size(fabric: Mapping[str, Any]) -> tuple[int, int]:
    return fabric["cols"], fabric["rows"]


def _corners(fabric: Mapping[str, Any]) -> Floats:
    """Upper left corner of every tile [K, 2]."""
    xs, ys = map(_edges, _size(fabric))
    return np.array([(xs[2 * c + 1], ys[2 * r + 1]) for r in range(fabric["rows"]) for c in range(fabric["cols"])])


def _slots(fabric: Mapping[str, Any]) -> Floats:
    """Middle of every slot [N, 2]."""
    count = fabric["neurons_per_tile"]
    wide = int(np.ceil(np.sqrt(count)))
    within = TILE / (wide + 0.6) * (np.stack([np.arange(count) % wide, np.arange(count) // wide], axis=1) + 0.8)
    places: Floats = (_corners(fabric)[:, None] + within).reshape(-1, 2)
    return places


def _tiles(
    alive: pd.DataFrame, fabric: Mapping[str, Any], colours: Mapping[int, str], died: Collection[int]
) -> Iterator[Mark]:
    """Tiles and their slots, free ones and taken ones; some have died, others were never there."""
    absent = {row * fabric["cols"] + col for row, col in fabric["dead_tiles"]}
    corners, places = _corners(fabric), _slots(fabric)
    tiles = range(len(corners))
    yield Boxes(
        x=corners[:, 0],
        y=corners[:, 1],
        width=TILE,
        height=TILE,
        rounding=0.1,
        fills=[DEAD_TILE if t in died else "#dddddd" if t in absent else "#ffffff" for t in tiles],
        edge="#555555",
        edge_width=1,
    )
    free = np.delete(places, alive["slot"].to_numpy(dtype=int), axis=0)
    yield Dots(x=free[:, 0], y=free[:, 1], size=3, colours="#e4e4e4")
    output = alive["kind"] == "output"
    kinds: tuple[tuple[Shape, pd.DataFrame], ...] = (("circle", alive[~output]), ("square", alive[output]))
    for shape, some in kinds:
        x, y = places[some["slot"].to_numpy(dtype=int)].T
        yield Dots(x=x, y=y, shape=shape, size=6, colours=[colours[int(n)] for n in some["neuron"]])


def _routers(run: Run, fabric: Mapping[str, Any]) -> Boxes:
    """Routing tiles, the darker the fuller their fullest side."""
    ports = run.table("ports")
    now = ports[(ports["round"] == ports["round"].max()) & (ports["kind"] != "tile")]
    load, broken = now["used"] / now["capacity"].clip(lower=1), now["capacity"] == 0
    cells = now.assign(load=load, broken=broken).groupby(["grid_row", "grid_col"])[["load", "broken"]]
    loads, lost = cells.max()["load"], cells.min()["broken"]
    rows, cols = (loads.index.get_level_values(name).to_numpy() for name in ("grid_row", "grid_col"))
    xs, ys = _edges(fabric["cols"]), _edges(fabric["rows"])
    shades = [
        "#cc3311" if dead else "#" + 3 * f"{round(255 * (0.96 - 0.45 * share)):02x}"
        for share, dead in zip(loads.tolist(), lost.tolist(), strict=True)
    ]
    sizes = {"width": np.diff(xs)[cols], "height": np.diff(ys)[rows]}
    return Boxes(x=xs[cols], y=ys[rows], **sizes, fills=shades, edge="#ffffff", edge_width=0.8)


def _links(run: Run, fabric: Mapping[str, Any], by: str, colours_of: Mapping[int, str]) -> Lines:
    """Wires in use: every route as a thin line along its cells, from the edge of a tile to that of another."""
    loads = _loads(run) if by == "load" else {}
    links, neurons = run.table("links"), run.table("neurons").set_index("neuron")
    routed = links[(links["kind"] == "routed") & links["retired_round"].isna()]
    sources = neurons.loc[routed["source"]]
    owners = zip(sources["tile"].tolist(), sources["slot"].tolist(), routed["source"].tolist(), strict=True)
    xs, ys = _edges(fabric["cols"]).tolist(), _edges(fabric["rows"]).tolist()
    width, count = 2 * fabric["cols"] + 1, fabric["neurons_per_tile"]
    lines, colours = [], []
    for (tile, slot, source), target, path in zip(owners, routed["target_tile"], routed["path"], strict=True):
        cells = [_tile_cell(tile, fabric), *(divmod(int(cell), width) for cell in path), _tile_cell(target, fabric)]
        points = route_points(cells, xs, ys, (slot % count / count - 0.5) * SIDE * 0.8)
        if by == "task":
            lines.append(points)
            colours.append(colours_of[source])
            continue
        for step, (here, there) in enumerate(pairwise(cells)):
            lines.append(points[step : step + 2])
            colours.append(shade(LOADS, loads[here, (there[0] - here[0], there[1] - here[1])]))
    strength = {"width": 0.5, "alpha": 0.55} if by == "task" else {"width": 0.8, "alpha": 0.7}
    return Lines(points=lines, colours=colours, **strength)


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


def _tile_cell(tile: int, fabric: Mapping[str, Any]) -> tuple[int, int]:
    row, col = divmod(tile, fabric["cols"])
    return 2 * row + 1, 2 * col + 1


def chip_keys(alive: pd.DataFrame, groups: Mapping[int, int] | None) -> list[Key]:
    """The legend: tasks of living neurons or, where neurons have groups, those."""
    if groups is None:
        keys = [Key(label=f"task {task}", colour=task_colour(int(task))) for task in sorted(alive["task"].unique())]
    else:
        keys = [Key(label=f"cluster {group}", colour=task_colour(group)) for group in sorted({*groups.values()})]
        keys.append(Key(label="in none", colour=OTHERS))
    keys.append(Key(label="output", colour="#555555", kind="square"))
    return [*keys, Key(label="free slot", colour="#cccccc", size=3)]
