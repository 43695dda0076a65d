"""The chip as shapes for the page: plain lists that go to the browser as they are. Knows no browser library."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from smalti.analysis.dashboard.selection import Selection, cell_number, lit, neurons
from smalti.analysis.dashboard.view import Cell, Link, Tile, View
from smalti.analysis.plots.drawing.figure import PALETTE
from smalti.analysis.plots.drawing.routes import route_points
from smalti.analysis.plots.drawing.theme import grey

TILE, SIDE = 100.0, 30.0  # widths of a neuron tile and of the routing lane between two
OTHERS = "#b0b0b0"  # colour of neurons that are in no cluster
MOST_DOTS, MOST_LINES = 4096, 3000  # beyond these, tiles are shaded instead, and wires drawn where selected
Shape = dict[str, Any]


def drawing(view: View, selection: Selection | None, clusters: Mapping[int, int] | None = None) -> Shape:
    """Everything that is drawn, in units of its own; the page scales it.

    ``boxes`` (cells of the grid), ``lines`` (routes) and ``dots`` (slots) carry a ``key`` that a click hands back,
    which ``read_selection`` reads.

    Args:
        view: the round.
        selection: what is shown up.
        clusters: cluster of neurons by their id, which colours them and their wires in place of their task; those that
            have none are grey.
    """
    rows, cols = view.grid
    xs, ys = _edges(cols), _edges(rows)
    chosen = lit(view, selection)
    colours = {
        n.neuron: colour(n.task) if clusters is None else _of_cluster(clusters.get(n.neuron)) for n in neurons(view)
    }
    dots = _dots(view, xs, ys, selection, colours, clusters or {})
    return {
        "width": xs[-1],
        "height": ys[-1],
        "boxes": [_box(view, cell, xs, ys, selection) for cell in sorted(view.cells, key=_tiles_last)],
        "lines": _lines(view, xs, ys, chosen, colours),
        "dots": dots,
        "note": _note(view),
        "legend": _legend(view, clusters),
    }


def _legend(view: View, clusters: Mapping[int, int] | None) -> list[Shape]:
    alive = neurons(view)
    if clusters is None:
        return [{"name": f"task {task}", "colour": colour(task)} for task in sorted({n.task for n in alive})]
    there = sorted({clusters[n.neuron] for n in alive if n.neuron in clusters})
    own = [{"name": f"cluster {number}", "colour": colour(number)} for number in there]
    return [*own, {"name": "in no cluster", "colour": OTHERS}]


def _of_cluster(number: int | None) -> str:
    return OTHERS if number is None else colour(number)


def colour(task: int) -> str:
    """Colour of a task or cluster; grey for inputs, which have none."""
    return PALETTE[task % len(PALETTE)] if task >= 0 else "#777777"


def _edges(tiles: int) -> list[float]:
    """Borders of the grid's cells along one axis: lane, tile, lane, ..., lane."""
    edges: list[float] = np.cumsum([0.0, *([SIDE, TILE] * tiles), SIDE]).tolist()
    return edges


def _tiles_last(cell: Cell) -> bool:
    return cell.kind == "tile"


def _box(view: View, cell: Cell, xs: list[float], ys: list[float], selection: Selection | None) -> Shape:
    x, y, r, c = xs[cell.col], ys[cell.row], cell.row, cell.col
    place = {"x": x, "y": y, "w": xs[c + 1] - x, "h": ys[r + 1] - y}
    if cell.kind == "tile":
        tile = view.tiles[(r // 2) * view.grid[1] + c // 2]
        key, number = f"tile:{tile.tile}", Selection("tile", tile.tile)
        fill, title = _tile_fill(view, tile), _tile_title(tile)
    else:
        key, number = f"cell:{cell_number(view, cell)}", Selection("cell", cell_number(view, cell))
        fill = "#cc3311" if cell.broken else grey(0.96 - 0.45 * cell.load)
        title = "broken" if cell.broken else f"{cell.kind.upper()}: fullest side {cell.load:.0%} in use"
    return {**place, "key": key, "fill": fill, "title": title, "kind": cell.kind, "on": selection == number}


def _tile_fill(view: View, tile: Tile) -> str:
    if tile.dead:
        return "#cc3311"
    crowded = len(view.tiles) * view.slots > MOST_DOTS
    return grey(1 - 0.6 * len(tile.neurons) / tile.slots) if crowded else grey(1)


def _tile_title(tile: Tile) -> str:
    state = "broken" if tile.dead else f"{len(tile.neurons)} of {tile.slots} slots taken"
    return f"tile ({tile.row}, {tile.col}): {state}"


def _dots(
    view: View,
    xs: list[float],
    ys: list[float],
    selection: Selection | None,
    colours: Mapping[int, str],
    clusters: Mapping[int, int],
) -> list[Shape]:
    if len(view.tiles) * view.slots > MOST_DOTS:
        return []
    wide = math.ceil(math.sqrt(view.slots))
    step = TILE / (wide + 0.6)
    dots = []
    for tile in view.tiles:
        taken = {neuron.slot % view.slots: neuron for neuron in tile.neurons}
        for slot in range(0 if tile.dead else view.slots):
            x = xs[2 * tile.col + 1] + step * (slot % wide + 0.8)
            y = ys[2 * tile.row + 1] + step * (slot // wide + 0.8)
            one = taken.get(slot)
            if one is None:
                dots.append(
                    {"x": x, "y": y, "r": 0.12 * step, "fill": grey(0.87), "kind": "free", "key": "", "on": False}
                )
                continue
            whose = f"task {one.task}" + (f", cluster {clusters[one.neuron]}" if one.neuron in clusters else "")
            dots.append(
                {
                    "x": x,
                    "y": y,
                    "r": 0.3 * step,
                    "fill": colours[one.neuron],
                    "kind": one.kind,
                    "key": f"neuron:{one.neuron}",
                    "on": selection == Selection("neuron", one.neuron),
                    "title": f"neuron {one.neuron} ({one.kind}), {whose}, born in round {one.birth_round}",
                }
            )
    return dots


def _lines(
    view: View, xs: list[float], ys: list[float], chosen: frozenset[int], colours: Mapping[int, str]
) -> list[Shape]:
    homes = {one.neuron: one.tile for one in neurons(view)}
    routed = [link for link in view.links if link.kind == "routed"]
    if len(routed) > MOST_LINES:
        routed = [link for link in routed if link.link in chosen][:MOST_LINES]
    inputs = [link for link in view.links if link.kind == "input" and link.link in chosen]
    lines = []
    for link in (*routed, *inputs):
        start = [] if link.kind == "input" else [_tile_cell(view, homes[link.source])]
        cells = [*start, *link.path, _tile_cell(view, link.target_tile)]
        points = route_points(cells, xs, ys, _shift(view, link))
        lines.append(
            {
                "key": f"link:{link.link}",
                "points": " ".join(f"{x:.1f},{y:.1f}" for x, y in points),
                "colour": colour(link.task) if link.kind == "input" else colours[link.source],
                "on": link.link in chosen,
                "faint": bool(chosen) and link.link not in chosen,
            }
        )
    return sorted(lines, key=lambda line: bool(line["on"]))  # those shown up on top


def _shift(view: View, link: Link) -> float:
    """How far a link keeps off the middle of its lane, so that neighbours are told apart."""
    lane = link.slot % view.slots if link.slot >= 0 else link.source % view.slots
    return (lane / view.slots - 0.5) * SIDE * 0.8


def _tile_cell(view: View, tile: int) -> tuple[int, int]:
    row, col = divmod(tile, view.grid[1])
    return 2 * row + 1, 2 * col + 1


def _note(view: View) -> str:
    routed = sum(link.kind == "routed" for link in view.links)
    if routed > MOST_LINES:
        return f"{routed} routed links are too many to draw: click a tile or a lane to see its own"
    return ""
