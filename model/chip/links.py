"""Links of the chip: neuron -> tile wires, each one row of the target crossbar, each keeping the path it was given.

The table ``source`` [K, R] is the single record of what drives a row; the ledger follows every change of it.
Sources are slots 0..N-1 and input channels N..N+I-1.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from smalti.model.chip.fabric import EAST, NORTH, SOUTH, WEST, Fabric, FabricError
from smalti.model.chip.faults import FaultMap
from smalti.model.chip.ledger import Ledger
from smalti.model.chip.routes import Path, input_path, paths

FREE = -1
LOCAL_PATH = Path((), (), NORTH)


@dataclass(frozen=True)
class Offer:
    """A link that fits: the path it would take and the ports on which it needs a new wire."""

    source: int
    tile: int
    path: Path
    new_ports: tuple[int, ...]


@dataclass(frozen=True)
class Refusal:
    """A link that does not fit, and why."""

    source: int
    tile: int
    reason: str


class Links:
    """All links of one chip; the only place where rows and wires are taken and given back."""

    def __init__(self, fabric: Fabric, channels: int) -> None:
        self.fabric = fabric
        self.channels = channels  # I
        self.ledger = Ledger(fabric)
        self.source = np.full((fabric.tiles, fabric.rows_per_tile), FREE, dtype=np.int64)  # [K, R]
        self.rows: dict[tuple[int, int], int] = {}  # (source, tile) -> row
        self.paths: dict[tuple[int, int], Path] = {}  # (source, tile) -> path
        self.touched: set[tuple[int, int]] = set()  # keys of links laid or removed; emptied by who follows them
        self._reached: dict[int, tuple[int, ...]] = {}  # source -> tiles that it reaches, in the order of its links
        self.version = 0  # grows with every change, so that readers know when to look again
        self._ways: dict[tuple[int, int], tuple[Path, ...]] = {}
        self._ports: dict[tuple[int, int], frozenset[int]] = {}
        self._hops: tuple[int, np.ndarray] | None = None  # version, and ``_crossed``
        self.slots = [fabric.slots] * fabric.tiles  # of every tile those that can get a neuron, free or not
        self.faults: FaultMap | None = None
        self.faults_known = False
        self._shut: np.ndarray | None = None  # [K, R] bool: rows that are not given out
        self._lay_inputs()

    def strike(self, faults: FaultMap, known: bool) -> None:
        """Faults have come; if they are known, neither rows nor wires that are dead are given out from now on."""
        self.faults, self.faults_known, self._shut = faults, known, faults.rows if known else None
        if known:
            self.slots = (~faults.unusable(self.fabric)).reshape(self.fabric.tiles, -1).sum(1).tolist()
        self.ledger.strike(faults.wires, faults.rows_lost(self.fabric), known)
        self.version += 1

    def silent(self) -> list[tuple[int, int]]:
        """Links that deliver nothing, for their row or a wire on their way is dead, as (source, tile)."""
        if self.faults is None:
            return []
        dead = self.faults.rows
        return [
            key
            for key, row in self.rows.items()
            if dead[key[1], row] or self.ledger.severed(key[0], self.paths[key].ports)
        ]

    def relay_input(self, source: int, tile: int) -> bool:
        """Lay the link of an input channel anew, on another row and other wires; whether there are any."""
        path = input_path(self.fabric, tile)
        if self.ledger.blocked(source, path.ports) is not None:
            return False
        self._lay(source, tile, path)
        return True

    def offer(self, source: int, tile: int, from_tile: int | None = None) -> Offer | Refusal:
        """Whether a routed link fits, and by which path; asking changes nothing.

        Args:
            source: neuron slot that would drive the link.
            tile: target tile, another than the source's.
            from_tile: tile of the source; by default that of its slot.
        """
        fabric = self.fabric
        start = fabric.tile_of_slot(source) if from_tile is None else from_tile
        if fabric.cell_of_tile(tile) in fabric.dead_cells:
            return Refusal(source, tile, f"tile {fabric.position(tile)} is dead")
        ways = self.ways(start, tile)
        if not ways:
            return Refusal(source, tile, f"every path to tile {fabric.position(tile)} crosses a dead routing tile")
        first_block = -1
        for way in ways:
            port = self.ledger.blocked(source, way.ports)
            if port is None:
                return Offer(source, tile, way, tuple(self.ledger.wires_needed(source, way.ports)))
            first_block = port if first_block < 0 else first_block
        return Refusal(source, tile, f"{fabric.describe_port(first_block)} is full")

    def ways(self, start: int, tile: int) -> tuple[Path, ...]:
        """Paths from one tile to another that cross no dead cell, best first."""
        key = (start, tile)
        if key not in self._ways:
            self._ways[key] = paths(self.fabric, start, tile)
        return self._ways[key]

    def ports_between(self, start: int, tile: int) -> frozenset[int]:
        """Ports of all paths from one tile to another."""
        key = (start, tile)
        if key not in self._ports:
            self._ports[key] = frozenset(port for way in self.ways(start, tile) for port in way.ports)
        return self._ports[key]

    def add_local(self, slot: int) -> int:
        """Give a newborn its own row in its own crossbar; returns the row."""
        tile, row = divmod(slot, self.fabric.slots)
        self._take(slot, tile, row, LOCAL_PATH)
        return row

    def add(self, source: int, tile: int) -> int:
        """Lay a routed link and return its row.

        Raises:
            FabricError: where no path has room, naming the full side.
        """
        offer = self.offer(source, tile)
        if isinstance(offer, Refusal):
            raise FabricError(f"no link from neuron slot {source} to tile {tile}: {offer.reason}")
        return self.lay(offer)

    def lay(self, offer: Offer) -> int:
        """Lay the link of an offer that still holds and return its row."""
        return self._lay(offer.source, offer.tile, offer.path)

    def copy(self) -> Links:
        """The same links in books of their own, for trials."""
        links = copy(self)
        links.ledger, links.source = self.ledger.copy(), self.source.copy()
        links.rows, links.paths = dict(self.rows), dict(self.paths)
        links.touched, links._reached = set(self.touched), dict(self._reached)
        return links

    def revert(self, before: Links) -> None:
        """Be again what a copy of these books says, but for wires that were kept; who follows them looks again."""
        version = self.ledger.version
        self.touched |= before.touched
        self.source[:] = before.source
        self.ledger, self.rows, self.paths = before.ledger.copy(), dict(before.rows), dict(before.paths)
        self._reached = dict(before._reached)
        self.ledger.version, self.version = version + 1, self.version + 1

    def state_dict(self) -> dict[str, Any]:
        """Source, tile, row and path of every link, of those of inputs row alone, and wires on sides with dead ones.

        They stand one after the other, in lists of plain numbers: there may be very many. Inputs enter where the chip
        says, unless it has faults.
        """
        ends = [key for key in self.rows if key[0] < self.fabric.neurons]
        paths = [self.paths[key].cells for key in ends]
        inputs = [key for key in self.rows if key[0] >= self.fabric.neurons] if self.faults is not None else []
        return {
            "source": [source for source, _ in ends],
            "tile": [tile for _, tile in ends],
            "row": [self.rows[key] for key in ends],
            "crossed": [len(cells) for cells in paths],
            "cells": [cell for cells in paths for cell in cells],  # those crossed, link after link
            "inputs": [(*key, self.rows[key]) for key in inputs],
            "wires": self.ledger.numbers(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Lay the links that ``state_dict`` gave, where there are none but those of the inputs and faults are as then.

        Raises:
            FabricError: a path does not exist on this chip.
        """
        if self.faults is not None:
            for source, tile in [*self.rows]:
                self.remove(source, tile)
            for source, tile, row in state["inputs"]:
                self._take(source, tile, row, input_path(self.fabric, tile))
        for source, tile, row, cells in _recorded(state):
            self.restore(source, tile, row, tuple(cells))
        self.ledger.renumber(state["wires"])

    def restore(self, source: int, tile: int, row: int, cells: tuple[int, ...]) -> None:
        """Lay a link again as a record of it says (row and path included)."""
        if (source, tile) in self.rows:
            return
        if not cells:
            self._take(source, tile, row, LOCAL_PATH)
            return
        ways = [p for p in self.ways(self.fabric.tile_of_slot(source), tile) if p.cells == cells]
        if not ways:
            raise FabricError(f"the recorded path of the link {source} -> tile {tile} does not exist on this chip")
        self._take(source, tile, row, ways[0])

    def remove(self, source: int, tile: int) -> int:
        """Take a link away, give back its wires and row; returns the row."""
        key = (source, tile)
        self.ledger.release(source, self.paths.pop(key).ports)
        row = self.rows.pop(key)
        self._reached[source] = tuple(reached for reached in self._reached[source] if reached != tile)
        self.touched.add(key)
        self.source[tile, row] = FREE
        self.version += 1
        return row

    def of(self, source: int) -> list[int]:
        """Tiles that this source reaches, its own included."""
        return list(self._reached.get(source, ()))

    def kind(self, source: int, tile: int) -> str:
        """``input``, ``local`` or ``routed``."""
        if source >= self.fabric.neurons:
            return "input"
        return "local" if self.fabric.tile_of_slot(source) == tile else "routed"

    def hops_per_source(self) -> np.ndarray:
        """Routing tiles crossed by each spike of a source, over all its links, shared trunks once [N + I]."""
        hops: np.ndarray = self._crossed()[0].copy()
        return hops

    def corner_hops_per_source(self) -> np.ndarray:
        """Those of them at corners, R0 [N + I]."""
        hops: np.ndarray = self._crossed()[1].copy()
        return hops

    def _crossed(self) -> np.ndarray:
        """Routing tiles that each source crosses, all of them and those at corners [2, N + I]."""
        if self._hops is None or self._hops[0] != self.version:
            crossed: dict[int, set[int]] = {}
            for (source, _), path in self.paths.items():
                crossed.setdefault(source, set()).update(path.cells)
            hops = np.zeros((2, self.fabric.neurons + self.channels), dtype=np.int64)
            for source, cells in crossed.items():
                hops[:, source] = len(cells), sum(self.fabric.kind(cell) == "r0" for cell in cells)
            self._hops = self.version, hops
        return self._hops[1]

    def _lay_inputs(self) -> None:
        """Lay the links of the input channels."""
        fabric = self.fabric
        if self.channels > fabric.channels:
            every = fabric.options.inputs == "every"
            what = "wires of each north tile" if every else f"{fabric.channels} north wires of this chip "
            tiles = f"{len(fabric.north_tiles)} live north tiles x {fabric.wires} wires"
            room = f"the {fabric.wires} {what}" if every else f"the {what}({tiles})"
            more = "fabric.wires" if every else "fabric.cols or fabric.wires"
            raise FabricError(
                f"{self.channels} input channels do not fit {room}: pool the channels, or give {more} more"
            )
        for channel in range(self.channels):
            for tile in fabric.entries(channel):
                self._lay(fabric.neurons + channel, tile, input_path(fabric, tile))

    def _lay(self, source: int, tile: int, path: Path) -> int:
        first = self.fabric.slots + path.side * self.fabric.wires
        block = self.source[tile, first : first + self.fabric.wires]
        free = block == FREE
        if self._shut is not None:
            free &= ~self._shut[tile, first : first + self.fabric.wires]
        row = first + int(np.argmax(free))
        self._take(source, tile, row, path)
        return row

    def _take(self, source: int, tile: int, row: int, path: Path) -> None:
        assert self.source[tile, row] == FREE, (source, tile, row)
        assert (source, tile) not in self.rows, (source, tile)
        self.ledger.reserve(source, path.ports)
        self.source[tile, row] = source
        self.rows[source, tile] = row
        self.paths[source, tile] = path
        self._reached[source] = (*self._reached.get(source, ()), tile)
        self.touched.add((source, tile))
        self.version += 1


def _recorded(state: dict[str, Any]) -> Iterator[tuple[int, int, int, list[int]]]:
    """Source, tile, row and path of every link, of what ``Links.state_dict`` gave."""
    end = 0
    for source, tile, row, crossed in zip(*(state[k] for k in ("source", "tile", "row", "crossed")), strict=True):
        begin, end = end, end + crossed
        yield source, tile, row, state["cells"][begin:end]


def side_of_row(fabric: Fabric, row: int) -> str:
    """Side of the crossbar by which a row enters: ``local``, ``N``, ``E``, ``S`` or ``W``."""
    if row < fabric.slots:
        return "local"
    return {NORTH: "N", EAST: "E", SOUTH: "S", WEST: "W"}[(row - fabric.slots) // fabric.wires]
