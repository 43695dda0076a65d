"""The chip's geometry: which tiles there are, how large they are, what each of their sides can carry.

Neuron tiles sit at the (odd, odd) cells of a (2 rows + 1) x (2 cols + 1) grid; R1 routing tiles lie on the edges
between and around them, R0 routing tiles at the corners (Dalgaty et al. 2024, doi 10.1038/s41467-023-44365-x).
This module knows nothing of neurons or links: it only counts and names places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from smalti.model import memory
from smalti.model.options import ranges
from smalti.model.options.values import settle

SIDES = ("N", "E", "S", "W")
NORTH, EAST, SOUTH, WEST = range(4)
CELL_BYTES = 256  # of a cell: what each of its 8 ports can carry and carries, twice, 8 bytes each
LONGEST = 10_000  # side of a chip or of a crossbar
IN, OUT = 0, 1
DIRECTIONS = ("in", "out")
STEP = ((-1, 0), (0, 1), (1, 0), (0, -1))  # (grid row, grid column) of one step over each side


class FabricError(ValueError):
    """A chip that cannot be built, or a place that is not on it."""


class NoRoomError(FabricError):
    """A task that finds no place on the chip."""


@dataclass(frozen=True, kw_only=True)
class FabricOptions:
    """Size and limits of the chip.

    Attributes:
        rows: rows of neuron tiles; inputs enter the first (north) row, outputs live in the last (south) one.
        cols: columns of neuron tiles.
        neurons_per_tile: neuron slots n of a tile, the columns of its crossbar.
        wires: wires w on each side of a neuron tile and of an R1 routing tile, in and out each.
        corner_wires: wires on each side of an R0 (corner) routing tile, in and out each.
        inputs: spread (each input channel enters one north tile, in turn) or every (each enters every north tile, by a
            wire of its own in each).
        dead_tiles: broken neuron tiles as [row, column] pairs; nothing is placed on them.
        dead_routers: broken routing tiles as [grid row, grid column] pairs; no route crosses them.
    """

    rows: int = 3
    cols: int = 4
    neurons_per_tile: int = 16
    wires: int = 16
    corner_wires: int = 4
    inputs: Literal["spread", "every"] = "spread"
    dead_tiles: tuple[tuple[int, int], ...] = ()
    dead_routers: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        settle(self, "fabric")
        try:
            ranges.at_least("fabric", self, 1, "rows", "cols", "neurons_per_tile", "wires", most=LONGEST)
            ranges.not_negative("fabric", self, "corner_wires", most=LONGEST)
        except ValueError as error:
            raise FabricError(str(error)) from error
        self._check_dead()

    @property
    def tiles(self) -> int:
        """K."""
        return self.rows * self.cols

    @property
    def rows_per_tile(self) -> int:
        """R: a row for each of its neurons, and one for each wire that enters."""
        return self.neurons_per_tile + 4 * self.wires

    @property
    def devices(self) -> int:
        """Crosspoints of all tiles, K R n."""
        return self.tiles * self.rows_per_tile * self.neurons_per_tile

    @property
    def host_bytes(self) -> int:
        """Bytes that the books of places and wires take at least."""
        cells = (2 * self.rows + 1) * (2 * self.cols + 1)
        return CELL_BYTES * cells + 8 * self.tiles * self.rows_per_tile

    def _check_dead(self) -> None:
        for row, col in self.dead_tiles:
            if not (0 <= row < self.rows and 0 <= col < self.cols):
                raise FabricError(
                    f"fabric.dead_tiles names tile ({row}, {col}), which is not on a chip of {self.rows} x {self.cols} "
                    "tiles; give [row, column] pairs counted from 0"
                )
        for row, col in self.dead_routers:
            inside = 0 <= row <= 2 * self.rows and 0 <= col <= 2 * self.cols
            if not inside or (row % 2 and col % 2):
                raise FabricError(
                    f"fabric.dead_routers names cell ({row}, {col}), which is no routing tile of the "
                    f"{2 * self.rows + 1} x {2 * self.cols + 1} grid; routing tiles have an even row or column"
                )


class Fabric:
    """Places of one chip and their capacities; immutable after construction. ValueError where it fits no memory.

    A *cell* is numbered grid_row * grid_cols + grid_col, a *tile* row * cols + col, a *port* (one side of one cell in
    one direction) (cell * 4 + side) * 2 + direction.
    """

    def __init__(self, options: FabricOptions) -> None:
        what = f"a chip of {options.rows:,} x {options.cols:,} tiles"
        memory.require(options.host_bytes, what, "fabric.rows or fabric.cols")
        self.options = options
        self.tiles = options.tiles  # K
        self.slots = options.neurons_per_tile  # n
        self.wires = options.wires  # w
        self.rows_per_tile = options.rows_per_tile  # R
        self.neurons = self.tiles * self.slots  # N
        self.grid_rows, self.grid_cols = 2 * options.rows + 1, 2 * options.cols + 1
        self.cells = self.grid_rows * self.grid_cols
        self._positions = [divmod(tile, options.cols) for tile in range(self.tiles)]
        self._cells = [(2 * row + 1) * self.grid_cols + 2 * col + 1 for row, col in self._positions]
        self._neighbours: dict[int, tuple[int, ...]] = {}
        self.dead_cells = frozenset(
            [self.cell_of_tile(self.tile(row, col)) for row, col in options.dead_tiles]
            + [row * self.grid_cols + col for row, col in options.dead_routers]
        )
        self.live_tiles = tuple(t for t in range(self.tiles) if self.cell_of_tile(t) not in self.dead_cells)
        self.capacity = self._capacities()  # [ports] wires
        self.north_tiles = tuple(t for t in self.live_tiles if t < options.cols and not self._cut_off(t))
        self.south_tiles = tuple(t for t in self.live_tiles if t >= self.tiles - options.cols)
        if not self.north_tiles or not self.south_tiles:
            side = "north" if not self.north_tiles else "south"
            raise FabricError(
                f"no live tile is left in the {side} row; remove some of fabric.dead_tiles or dead_routers, or "
                "of the dead tiles of [faults]"
            )

    @property
    def channels(self) -> int:
        """Most input channels that there are wires for."""
        return self.wires * (1 if self.options.inputs == "every" else len(self.north_tiles))

    def entries(self, channel: int) -> tuple[int, ...]:
        """North tiles that an input channel enters."""
        north = self.north_tiles
        return north if self.options.inputs == "every" else (north[channel % len(north)],)

    def tile(self, row: int, col: int) -> int:
        """Number of the neuron tile in this row and column."""
        return row * self.options.cols + col

    def position(self, tile: int) -> tuple[int, int]:
        """(row, column) of a neuron tile among the neuron tiles."""
        return self._positions[tile]

    def cell_of_tile(self, tile: int) -> int:
        """Grid cell of a neuron tile."""
        return self._cells[tile]

    def tile_of_slot(self, slot: int) -> int:
        """Tile that holds neuron slot ``slot`` (0..N-1)."""
        return slot // self.slots

    def kind(self, cell: int) -> str:
        """``tile``, ``r1`` or ``r0``."""
        row, col = divmod(cell, self.grid_cols)
        return ("r0", "r1", "tile")[row % 2 + col % 2]

    def distance(self, a: int, b: int) -> int:
        """Rows plus columns between two tiles."""
        (row_a, col_a), (row_b, col_b) = self._positions[a], self._positions[b]
        return abs(row_a - row_b) + abs(col_a - col_b)

    def neighbours(self, tile: int) -> tuple[int, ...]:
        """Live tiles one step north, east, south or west of a tile."""
        if tile not in self._neighbours:
            self._neighbours[tile] = self._next_to(tile)
        return self._neighbours[tile]

    def _next_to(self, tile: int) -> tuple[int, ...]:
        row, col = self.position(tile)
        near = [(row + dr, col + dc) for dr, dc in STEP]
        on_chip = [self.tile(r, c) for r, c in near if 0 <= r < self.options.rows and 0 <= c < self.options.cols]
        return tuple(t for t in on_chip if self.cell_of_tile(t) not in self.dead_cells)

    def port(self, cell: int, side: int, direction: int) -> int:
        """Number of one side of one cell in one direction."""
        return (cell * 4 + side) * 2 + direction

    def describe_port(self, port: int) -> str:
        """A port in words: ``R0 (2, 4) side W in``."""
        rest, direction = divmod(port, 2)
        cell, side = divmod(rest, 4)
        row, col = divmod(cell, self.grid_cols)
        kind = self.kind(cell)
        if kind == "tile":
            return f"neuron tile ({row // 2}, {col // 2}) side {SIDES[side]} {DIRECTIONS[direction]}"
        return f"{kind.upper()} ({row}, {col}) side {SIDES[side]} {DIRECTIONS[direction]}"

    def _capacities(self) -> np.ndarray:
        odd = np.arange(self.grid_rows)[:, None] % 2 + np.arange(self.grid_cols) % 2  # as in ``kind``
        per_cell = np.array([self.options.corner_wires, self.wires, self.wires], dtype=np.int64)[odd].ravel()
        per_cell[list(self.dead_cells)] = 0
        return np.repeat(per_cell, 8)

    def _cut_off(self, tile: int) -> bool:
        """Whether the routing tile through which a north tile's inputs come is dead."""
        return self.cell_of_tile(tile) - self.grid_cols in self.dead_cells
