"""Faults of a chip: crossbar rows, slots, whole tiles and wires of routing tiles that do nothing, and who knows.

A dead row delivers nothing; a dead slot never fires, and its membrane stays at 0; a dead tile is all of its rows and
slots; a dead wire carries nothing of the source that holds it. Devices that are stuck are those of ``model.devices``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from smalti.model.chip.fabric import DIRECTIONS, EAST, IN, NORTH, SIDES, SOUTH, WEST, Fabric
from smalti.model.chip.fault_files import KINDS, SIZE, places
from smalti.model.options import ranges
from smalti.model.options.values import expand_home, settle

ROWS, SLOTS, TILES, WIRES = range(4)  # of the streams of random numbers
FILE = "faults.json"  # of a run folder
Heal = Literal["none", "relay", "auction"]


@dataclass(frozen=True, kw_only=True)
class FaultsOptions:
    """What of the chip is broken, or breaks during the run; stuck devices are in ``devices``.

    Attributes:
        row_share: share of the crossbar rows that deliver nothing.
        slot_share: share of the neuron slots that never fire.
        tile_share: share of the neuron tiles that are dead as a whole.
        wire_share: share of the wires on the sides of routing tiles that carry nothing.
        map_seed: of these draws; a chip is the same in all runs that name it, whatever run.seed is.
        map: a map that was measured, a JSON or CSV file, instead of shares.
        known: whether the chip's mapper knows: nothing is placed or routed there; else faults act, and nobody knows.
        at_round: round before which they come; 0 for a chip that has always had them.
        heal: none; relay: when known faults come, links that lay there are laid again with their weights where there is
            room, the strongest first, and hidden neurons that drive nobody any more are retired; or auction: every old
            expert whose loss has risen buys repairs, whatever lowers its loss most for each device that is written.
        tolerance: rise of the loss of an old task, on samples that are kept of it, up to which nothing is repaired.
        practice: minibatches of the samples kept of an old task on which a copy of its expert may learn beside the chip
            before it is programmed once, where faults are known, for heal = auction; 0 for none.
        watch: whether old experts are asked, and repaired, whenever an experience begins, for heal = auction: devices
            drift, and faults that nobody knows act.
    """

    row_share: float = 0.0
    slot_share: float = 0.0
    tile_share: float = 0.0
    wire_share: float = 0.0
    map_seed: int = 0
    map: str = ""
    known: bool = True
    at_round: int = 0
    heal: Heal = "none"
    tolerance: float = 0.01
    practice: int = 0
    watch: bool = False

    def __post_init__(self) -> None:
        settle(self, "faults")
        expand_home(self, "map")
        ranges.share("faults", self, "row_share", "slot_share", "tile_share", "wire_share")
        ranges.not_negative("faults", self, "map_seed", most=ranges.SEED)
        ranges.not_negative("faults", self, "at_round", "practice")
        ranges.weight("faults", self, "tolerance")
        if self.watch and self.heal != "auction":
            raise ValueError(
                f"faults.watch = true repairs old experts by auction, and faults.heal = {self.heal!r}: take heal "
                "auction, or watch false"
            )
        if self.map and self.drawn:
            raise ValueError(
                f"faults.map = {self.map!r} says which parts are dead, and shares draw them: set the shares "
                "to 0, or leave out the map"
            )

    @property
    def drawn(self) -> bool:
        """Whether any are to be drawn."""
        return any((self.row_share, self.slot_share, self.tile_share, self.wire_share))


@dataclass(frozen=True, kw_only=True)
class FaultMap:
    """Which parts of a chip are dead."""

    rows: np.ndarray  # [K, R] bool, those of dead tiles included
    slots: np.ndarray  # [N] bool, likewise
    tiles: tuple[int, ...]
    wires: Mapping[int, frozenset[int]]  # port of a routing tile -> numbers of its wires

    def rows_lost(self, fabric: Fabric) -> Counter[int]:
        """Ports into tiles -> dead rows behind them."""
        lost: Counter[int] = Counter()
        for tile, row in np.argwhere(self.rows[:, fabric.slots :]).tolist():
            side = (NORTH, EAST, SOUTH, WEST)[row // fabric.wires]
            lost[fabric.port(fabric.cell_of_tile(tile), side, IN)] += 1
        return lost

    def unusable(self, fabric: Fabric) -> np.ndarray:
        """Slots that no neuron should get [N] bool: dead ones, and those whose own row is."""
        unusable: np.ndarray = self.slots | self.rows[:, : fabric.slots].ravel()
        return unusable


def file_of(faults: FaultMap, fabric: Fabric) -> dict[str, Any]:
    """What a file says that ``faults.map`` may name: the size of the chip and, kind by kind, what of it is dead.

    Rows and slots of dead tiles are not listed one by one.
    """
    cols, slots = fabric.options.cols, faults.slots.reshape(fabric.tiles, fabric.slots).copy()
    rows = faults.rows.copy()
    rows[list(faults.tiles)], slots[list(faults.tiles)] = False, False
    wires = [(*divmod(port, 8), wire) for port, dead in sorted(faults.wires.items()) for wire in sorted(dead)]
    return {
        **{name: getattr(fabric.options, name) for name in SIZE},
        "dead_rows": [[*divmod(tile, cols), row] for tile, row in np.argwhere(rows).tolist()],
        "dead_slots": [[*divmod(tile, cols), slot] for tile, slot in np.argwhere(slots).tolist()],
        "dead_tiles": [list(fabric.position(tile)) for tile in faults.tiles],
        "dead_wires": [
            [*divmod(cell, fabric.grid_cols), SIDES[side // 2], DIRECTIONS[side % 2], wire]
            for cell, side, wire in wires
        ],
    }


def fault_map(options: FaultsOptions, fabric: Fabric) -> FaultMap | None:
    """Faults as the options draw or name them; None for none.

    Raises:
        ValueError: the file cannot be read, is of another chip, or names a place that is not on it.
    """
    if options.map:
        return read_map(Path(options.map), fabric)
    return _draw(options, fabric) if options.drawn else None


def _draw(options: FaultsOptions, fabric: Fabric) -> FaultMap:
    def hit(kind: int, share: float, *shape: int) -> np.ndarray:
        found: np.ndarray = np.random.default_rng([options.map_seed, kind]).random(shape) < share
        return found

    dead: list[tuple[int, int]] = []
    if options.wire_share:
        routers, most = _routers(fabric), int(fabric.capacity.max())
        there = np.arange(most) < fabric.capacity[routers, None]
        places = np.argwhere(hit(WIRES, options.wire_share, len(routers), most) & there).tolist()
        dead = [(int(routers[place]), wire) for place, wire in places]
    return _map(
        fabric,
        hit(ROWS, options.row_share, fabric.tiles, fabric.rows_per_tile),
        hit(SLOTS, options.slot_share, fabric.neurons),
        np.flatnonzero(hit(TILES, options.tile_share, fabric.tiles)).tolist(),
        dead,
    )


def _routers(fabric: Fabric) -> np.ndarray:
    """Ports of routing tiles."""
    return np.array([p for p in range(fabric.cells * 8) if fabric.kind(p // 8) != "tile"], dtype=np.int64)


def _map(
    fabric: Fabric, rows: np.ndarray, slots: np.ndarray, tiles: list[int], wires: list[tuple[int, int]]
) -> FaultMap:
    rows[tiles] = True
    slots.reshape(fabric.tiles, fabric.slots)[tiles] = True
    of_port: dict[int, frozenset[int]] = {}
    for port, wire in wires:
        of_port[port] = of_port.get(port, frozenset()) | {wire}
    return FaultMap(rows=rows, slots=slots, tiles=tuple(sorted(set(tiles))), wires=of_port)


def read_map(path: Path, fabric: Fabric) -> FaultMap:
    """Faults that a file names: a CSV, or what ``file_of`` gives as JSON.

    Raises:
        ValueError: the file cannot be read, is of another chip, or names a place that is not on it.
    """
    dead = places(path, fabric)
    rows, slots, tiles, wires = (dead[kind] for kind in KINDS)
    dead_rows = np.zeros((fabric.tiles, fabric.rows_per_tile), dtype=np.bool_)
    dead_slots = np.zeros(fabric.neurons, dtype=np.bool_)
    for row, col, number in rows:
        dead_rows[fabric.tile(row, col), number] = True
    for row, col, number in slots:
        dead_slots[fabric.tile(row, col) * fabric.slots + number] = True
    ports = [
        (fabric.port(row * fabric.grid_cols + col, SIDES.index(side), DIRECTIONS.index(way)), wire)
        for row, col, side, way, wire in wires
    ]
    return _map(fabric, dead_rows, dead_slots, [fabric.tile(row, col) for row, col in tiles], ports)
