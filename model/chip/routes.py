"""Ways across the routing tiles: hop counts in closed form and the one-turn paths between two neuron tiles.

A path is the sequence of routing cells from source tile to target tile. Which wires are taken is the ledger's
business; which of the paths is free, the links'. Rules and hop counts: Dalgaty et al. 2024 (see ``model.chip.fabric``).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from smalti.model.chip.fabric import EAST, IN, NORTH, OUT, SOUTH, STEP, WEST, Fabric


@dataclass(frozen=True)
class Path:
    """One way from a tile to another."""

    cells: tuple[int, ...]  # routing cells crossed, first to last
    ports: tuple[int, ...]  # every side used on the way, out of the source tile to into the target tile
    side: int  # the side by which it enters the target tile

    @property
    def hops(self) -> int:
        """Routing tiles crossed."""
        return len(self.cells)


def hops(fabric: Fabric, source: int, target: int) -> int:
    """Hops of the default route between two tiles.

    With D rows plus columns between them: 0 for the same tile, 1 for neighbours, 2 D + 1 when they share a row or a
    column (the route goes around the tiles between), else 2 D - 1.
    """
    (row_a, col_a), (row_b, col_b) = fabric.position(source), fabric.position(target)
    distance = abs(row_a - row_b) + abs(col_a - col_b)
    if distance <= 1:
        return distance
    return 2 * distance + (1 if row_a == row_b or col_a == col_b else -1)


def paths(fabric: Fabric, source: int, target: int) -> tuple[Path, ...]:
    """The default one-turn path and the alternatives to it, best first, none across a dead cell.

    Args:
        fabric: the chip.
        source, target: two different neuron tiles.
    """
    if fabric.distance(source, target) == 1:
        ways = [_between(fabric, source, target), *_around(fabric, source, target)]
    else:
        ways = [_default(fabric, source, target), _alternative(fabric, source, target)]
    return tuple(_path(fabric, source, way, target) for way in ways if way and not fabric.dead_cells.intersection(way))


def input_path(fabric: Fabric, tile: int) -> Path:
    """The way of an input channel: over the R1 north of a north-row tile."""
    cell = fabric.cell_of_tile(tile)
    router = cell - fabric.grid_cols
    ports = (fabric.port(router, NORTH, IN), fabric.port(router, SOUTH, OUT), fabric.port(cell, NORTH, IN))
    return Path((router,), ports, NORTH)


def _between(fabric: Fabric, source: int, target: int) -> list[int]:
    return [(fabric.cell_of_tile(source) + fabric.cell_of_tile(target)) // 2]


def _around(fabric: Fabric, source: int, target: int) -> list[list[int]]:
    """Three-hop ways around the routing tile between two neighbours."""
    (row, col), (row_b, col_b) = _grid(fabric, source), _grid(fabric, target)
    if row == row_b:
        return [_cells(fabric, [(row + d, col), (row + d, (col + col_b) // 2), (row + d, col_b)]) for d in (-1, 1)]
    return [_cells(fabric, [(row, col + d), ((row + row_b) // 2, col + d), (row_b, col + d)]) for d in (-1, 1)]


def _default(fabric: Fabric, source: int, target: int) -> list[int]:
    """South (or north) first, along the router row, then to the target's row; by the west for a shared column."""
    (row, col), (row_b, col_b) = _grid(fabric, source), _grid(fabric, target)
    if col == col_b:
        return _column_way(fabric, row, row_b, col - 1)
    lane = row + 1 if row_b > row else row - 1
    turn = col_b - 1 if col_b > col else col_b + 1
    return _row_then_column(fabric, (row, col), (row_b, col_b), lane, turn)


def _alternative(fabric: Fabric, source: int, target: int) -> list[int]:
    """The mirror image of the default: the other lane, or the other turn first."""
    (row, col), (row_b, col_b) = _grid(fabric, source), _grid(fabric, target)
    if col == col_b:
        return _column_way(fabric, row, row_b, col + 1)
    if row == row_b:
        turn = col_b - 1 if col_b > col else col_b + 1
        return _row_then_column(fabric, (row, col), (row_b, col_b), row + 1, turn)
    lane = col + 1 if col_b > col else col - 1
    turn = row_b - 1 if row_b > row else row_b + 1
    along = [(r, lane) for r in _span(row, turn)]
    return _cells(fabric, along + [(turn, c) for c in _span(lane, col_b)[1:]])


def _row_then_column(fabric: Fabric, start: tuple[int, int], end: tuple[int, int], lane: int, turn: int) -> list[int]:
    along = [(lane, c) for c in _span(start[1], turn)]
    return _cells(fabric, along + [(r, turn) for r in _span(lane, end[0])[1:]])


def _column_way(fabric: Fabric, row: int, row_b: int, lane: int) -> list[int]:
    return _cells(fabric, [(r, lane) for r in _span(row, row_b)])


def _span(first: int, last: int) -> list[int]:
    step = 1 if last >= first else -1
    return list(range(first, last + step, step))


def _grid(fabric: Fabric, tile: int) -> tuple[int, int]:
    return divmod(fabric.cell_of_tile(tile), fabric.grid_cols)


def _cells(fabric: Fabric, places: list[tuple[int, int]]) -> list[int]:
    return [row * fabric.grid_cols + col for row, col in places]


def _path(fabric: Fabric, source: int, way: list[int], target: int) -> Path:
    side_of_step = {row * fabric.grid_cols + col: side for side, (row, col) in enumerate(STEP)}
    stops = [fabric.cell_of_tile(source), *way, fabric.cell_of_tile(target)]
    ports, side = [], NORTH
    for here, there in pairwise(stops):
        leave = side_of_step[there - here]
        side = (NORTH, EAST, SOUTH, WEST)[(leave + 2) % 4]
        ports += [fabric.port(here, leave, OUT), fabric.port(there, side, IN)]
    return Path(tuple(way), tuple(ports), side)
