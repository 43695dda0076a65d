from __future__ import annotations

import pytest

from smalti.analysis.plots.drawing.routes import Cell, Point, route_points

EDGES = [0.0, 2.0, 12.0, 14.0, 24.0, 26.0]  # lane, tile, lane, tile, lane


@pytest.mark.parametrize(
    ("cells", "points"),
    [
        ([(1, 1), (1, 2), (1, 3)], [(12.0, 7.5), (13.5, 7.5), (14.0, 7.5)]),  # to the east
        ([(1, 3), (1, 2), (1, 1)], [(14.0, 7.5), (13.5, 7.5), (12.0, 7.5)]),  # back
        ([(1, 1), (2, 1), (3, 1)], [(7.5, 12.0), (7.5, 13.5), (7.5, 14.0)]),  # to the south
        (
            [(3, 3), (2, 3), (2, 2), (2, 1), (1, 1)],
            [(19.5, 14.0), (19.5, 13.5), (13.5, 13.5), (7.5, 13.5), (7.5, 12.0)],
        ),
        ([(0, 1), (1, 1)], [(7.5, 1.5), (7.5, 2.0)]),  # an input begins in its lane
    ],
)
def test_a_way_ends_at_the_edges_of_its_tiles(cells: list[Cell], points: list[Point]) -> None:
    assert route_points(cells, EDGES, EDGES, 0.5) == points
