"""The way of a wire over the chip, as points to draw a line through. Knows no plotting library."""

from __future__ import annotations

from collections.abc import Sequence

Cell = tuple[int, int]  # row and column in the full grid, where neuron tiles have odd ones
Point = tuple[float, float]


def route_points(cells: Sequence[Cell], xs: Sequence[float], ys: Sequence[float], shift: float) -> list[Point]:
    """A point in every cell; in a neuron tile where the way begins or ends it is on the tile's edge.

    Args:
        cells: those that the way crosses, in order, at least two.
        xs, ys: borders of the columns and rows of the grid.
        shift: how far the wire keeps off the middle of its lane.
    """
    points = [((xs[c] + xs[c + 1]) / 2 + shift, (ys[r] + ys[r + 1]) / 2 + shift) for r, c in cells]
    for end, beside in ((0, 1), (-1, -2)):
        row, col = cells[end]
        if row % 2 and col % 2:
            x, y = points[beside]
            points[end] = (min(max(x, xs[col]), xs[col + 1]), min(max(y, ys[row]), ys[row + 1]))
    return points
