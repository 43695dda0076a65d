from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from smalti.model.chip.fabric import EAST, IN, NORTH, OUT, SOUTH, WEST, Fabric, FabricOptions
from smalti.model.chip.routes import Path, hops, input_path, paths

OPPOSITE = {NORTH: SOUTH, SOUTH: NORTH, EAST: WEST, WEST: EAST}


def chip(rows: int, cols: int, **other: Any) -> Fabric:
    return Fabric(FabricOptions(rows=rows, cols=cols, neurons_per_tile=2, wires=2, corner_wires=2, **other))


def pairs(fabric: Fabric) -> list[tuple[int, int]]:
    return [(a, b) for a in range(fabric.tiles) for b in range(fabric.tiles) if a != b]


def test_closed_form_hops_are_path_lengths_for_all_pairs_of_8_x_8() -> None:
    fabric = chip(8, 8)
    for a, b in pairs(fabric):
        (row_a, col_a), (row_b, col_b) = divmod(a, 8), divmod(b, 8)
        far = abs(row_a - row_b) + abs(col_a - col_b)
        aligned = row_a == row_b or col_a == col_b
        expected = 1 if far == 1 else 2 * far + 1 if aligned else 2 * far - 1
        assert hops(fabric, a, b) == paths(fabric, a, b)[0].hops == expected, (a, b)
    assert hops(fabric, 0, 63) == 27
    assert hops(fabric, 5, 5) == 0


CELLS_2X2 = {  # grid 5 x 5, tiles at 6, 8, 16, 18
    (0, 1): (7,),
    (0, 2): (11,),
    (0, 3): (11, 12, 17),  # south side, one cell east, into the west side
    (1, 2): (13, 12, 17),
    (3, 0): (13, 12, 7),  # north side, one cell west, into the east side
    (2, 1): (11, 12, 7),
}
CELLS_3X3 = {  # grid 7 x 7, tiles at 8, 10, 12, 22, 24, 26, 36, 38, 40
    (0, 2): (1, 2, 3, 4, 11),  # aligned in a row: by the north
    (2, 0): (5, 4, 3, 2, 9),
    (0, 6): (7, 14, 21, 28, 35),  # aligned in a column: by the west
    (8, 2): (39, 32, 25, 18, 11),
    (0, 8): (15, 16, 17, 18, 25, 32, 39),
    (8, 0): (33, 32, 31, 30, 23, 16, 9),
    (1, 5): (17, 18, 25),
    (4, 1): (17,),
}


@pytest.mark.parametrize(("size", "expected"), [(2, CELLS_2X2), (3, CELLS_3X3)])
def test_default_routes_counted_by_hand(size: int, expected: dict[tuple[int, int], tuple[int, ...]]) -> None:
    fabric = chip(size, size)
    for (a, b), cells in expected.items():
        assert paths(fabric, a, b)[0].cells == cells, (a, b)


def test_ports_of_a_route_written_out() -> None:
    """Tile 0 to tile 3 of 2 x 2: south out of cell 6, through 11, 12 and 17, by the west into cell 18."""
    fabric = chip(2, 2)
    path = paths(fabric, 0, 3)[0]
    places = [
        (6, SOUTH, OUT),
        (11, NORTH, IN),
        (11, EAST, OUT),
        (12, WEST, IN),
        (12, SOUTH, OUT),
        (17, NORTH, IN),
        (17, EAST, OUT),
        (18, WEST, IN),
    ]
    assert path.ports == tuple(fabric.port(*place) for place in places)
    assert path.side == WEST


def test_column_route_enters_and_leaves_by_the_west() -> None:
    fabric = chip(3, 3)
    path = paths(fabric, 1, 7)[0]
    assert path.ports[0] == fabric.port(10, WEST, OUT)
    assert path.ports[-1] == fabric.port(38, WEST, IN)
    assert path.side == WEST


def places(fabric: Fabric, path: Path) -> list[tuple[int, int, int]]:
    """(cell, side, direction) of each port."""
    return [(port // 8, port % 8 // 2, port % 2) for port in path.ports]


@pytest.mark.parametrize("size", [(1, 4), (4, 1), (4, 4)])
def test_every_path_is_a_chain_of_routing_cells_with_matching_ports(size: tuple[int, int]) -> None:
    fabric = chip(*size)
    for a, b in pairs(fabric):
        for path in paths(fabric, a, b):
            stops = [fabric.cell_of_tile(a), *path.cells, fabric.cell_of_tile(b)]
            assert len(set(stops)) == len(stops)
            assert {fabric.kind(cell) for cell in path.cells} <= {"r1", "r0"}
            visited = places(fabric, path)
            assert [direction for _, _, direction in visited] == [OUT, IN] * (len(stops) - 1)
            for (here, there), leave, enter in zip(pairwise(stops), visited[::2], visited[1::2], strict=True):
                (row, col), (row_b, col_b) = divmod(here, fabric.grid_cols), divmod(there, fabric.grid_cols)
                side = {(-1, 0): NORTH, (0, 1): EAST, (1, 0): SOUTH, (0, -1): WEST}[row_b - row, col_b - col]
                assert leave == (here, side, OUT)
                assert enter == (there, OPPOSITE[side], IN)
            assert path.side == visited[-1][1]


def test_there_is_always_another_way_and_it_differs() -> None:
    fabric = chip(4, 4)
    for a, b in pairs(fabric):
        ways = paths(fabric, a, b)
        assert len(ways) == (3 if fabric.distance(a, b) == 1 else 2)
        assert len({way.cells for way in ways}) == len(ways)
        assert len({way.ports[0] for way in ways}) >= 2  # it leaves by another side


def test_a_dead_cell_takes_away_the_paths_across_it_and_no_others() -> None:
    whole = chip(3, 3)
    for row in range(7):
        for col in range(7):
            if (row % 2 and col % 2) or row == 0:
                continue
            broken = chip(3, 3, dead_routers=((row, col),))
            for a, b in pairs(whole):
                expected = [way.cells for way in paths(whole, a, b) if row * 7 + col not in way.cells]
                assert [way.cells for way in paths(broken, a, b)] == expected


def test_neighbours_go_around_a_dead_routing_tile() -> None:
    fabric = chip(2, 2, dead_routers=((1, 2),))
    assert [way.cells for way in paths(fabric, 0, 1)] == [(1, 2, 3), (11, 12, 13)]


def test_inputs_come_over_the_routing_tile_north_of_the_tile() -> None:
    fabric = chip(2, 2)
    path = input_path(fabric, 1)
    assert path.cells == (3,)
    assert places(fabric, path) == [(3, NORTH, IN), (3, SOUTH, OUT), (8, NORTH, IN)]
    assert path.side == NORTH
