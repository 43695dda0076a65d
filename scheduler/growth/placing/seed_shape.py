"""The shape of a seed expert: which tiles its chain crosses, and which links its neurons need. Geometry alone."""

from __future__ import annotations

import math
from collections.abc import Collection

from smalti.model.chip.fabric import Fabric


def footprint(fabric: Fabric, output_tile: int, everywhere: bool = False) -> list[int]:
    """Tiles of a seed expert: the whole north row, narrowing towards the output tile in the south row; or all.

    Where every north tile has all inputs, the column of the output tile is enough; where that is broken, all of it.
    """
    if everywhere:
        return list(fabric.live_tiles)
    last, width = fabric.options.rows - 1, fabric.options.cols - 1
    home = fabric.position(output_tile)[1]
    chosen = []
    for tile in fabric.live_tiles:
        row, col = fabric.position(tile)
        radius = math.ceil(width * (last - row) / last) if last else width
        if tile == output_tile or (row < last and (row == 0 or abs(col - home) <= radius)) or last == 0:
            chosen.append(tile)
    if fabric.options.inputs == "every":
        column = [tile for tile in chosen if fabric.position(tile)[1] == home]
        if len(column) == last + 1 and column[0] in fabric.north_tiles:
            return column
    return chosen


def seed_links(
    fabric: Fabric, tile: int, tiles: Collection[int], output_tile: int, everywhere: bool = False
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Tiles that a seed neuron must reach (one nearer to the outputs) and those it would like to reach.

    Neighbours in the footprint come first; where dead tiles leave none nearer, the nearest tile farther along. It would
    like to reach neighbours or, if seeds stand ``everywhere``, all other tiles, nearest first.
    """
    by_distance = sorted(tiles, key=lambda t: (fabric.distance(tile, t), t)) if everywhere else []
    others = [t for t in by_distance if t != tile]
    if tile == output_tile:
        return (), tuple(others)
    here = fabric.distance(tile, output_tile)
    near = [t for t in fabric.neighbours(tile) if t in tiles]
    nearer = [t for t in near if fabric.distance(t, output_tile) < here]
    if not nearer:
        ahead = [t for t in tiles if fabric.distance(t, output_tile) < here]
        nearer = sorted(ahead, key=lambda t: (fabric.distance(tile, t), t))[:1]
    south_first = sorted(nearer, key=lambda t: -fabric.position(t)[0])
    needed = south_first[:1]
    return tuple(needed), tuple(t for t in (others if everywhere else near) if t not in needed)


def stages(fabric: Fabric, tiles: list[int], output_tile: int) -> list[list[int]]:
    """The tiles of a seed by their distance from its outputs, farthest first."""
    away = {t: fabric.distance(t, output_tile) for t in tiles}
    return [[t for t in tiles if away[t] == distance] for distance in sorted({*away.values()}, reverse=True)]
