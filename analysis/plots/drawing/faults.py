"""What is dead on a chip, as marks on its picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from smalti.analysis.plots.drawing.picture import Dots, Floats, Key, Mark
from smalti.analysis.runs import Run
from smalti.model.chip.fabric import IN, OUT, STEP, Fabric, FabricOptions
from smalti.model.chip.faults import FILE, FaultMap, read_map
from smalti.scheduler.configuration.config_io import from_mapping

RED = "#cc3311"
DEAD_TILE = "#f3d3cd"
LARGEST = 8.0  # points, of the mark of a side all of whose wires are dead
WITHIN = 0.32  # share of a routing tile's width from its middle to the mark of a side


def faults_of(run: Run) -> FaultMap | None:
    """Faults that have come by the last round; None for none.

    Raises:
        ValueError: the folder's file of them is damaged.
    """
    if not (run.path / FILE).exists() or run.config["faults"]["at_round"] > int(run.table("rounds")["round"].max()):
        return None
    return read_map(run.path / FILE, Fabric(from_mapping(FabricOptions, run.config["fabric"])))


def fault_marks(run: Run, faults: FaultMap, places: Floats, xs: Floats, ys: Floats) -> Iterator[Mark]:
    """Dead slots, slots whose crossbar row is dead, and sides of routing tiles, by the share of their wires.

    Args:
        run, faults: of which.
        places: middle of every slot [N, 2].
        xs, ys: borders of the cells along the two axes.
    """
    fabric = Fabric(from_mapping(FabricOptions, run.config["fabric"]))
    for some, hollow in zip(_dotted(faults), (False, True), strict=True):
        yield Dots(x=places[some, 0], y=places[some, 1], shape="diamond", size=5, hollow=hollow, colours=RED)
    x, y, sizes = [], [], []
    for cell, side in sorted({(port // 8, port % 8 // 2) for port in faults.wires}):
        ports = [fabric.port(cell, side, way) for way in (IN, OUT)]
        dead = sum(len(faults.wires.get(port, ())) for port in ports)
        sizes.append(LARGEST * (dead / sum(int(fabric.capacity[port]) for port in ports)) ** 0.5)
        row, col = divmod(cell, fabric.grid_cols)
        down, right = STEP[side]
        x.append((xs[col] + xs[col + 1]) / 2 + WITHIN * right * (xs[col + 1] - xs[col]))
        y.append((ys[row] + ys[row + 1]) / 2 + WITHIN * down * (ys[row + 1] - ys[row]))
    yield Dots(x=x, y=y, size=sizes, colours=RED)


def fault_keys(faults: FaultMap) -> list[Key]:
    """What these marks mean, of those that there are."""
    keys, (slots, rows) = [], _dotted(faults)
    if slots.any() or rows.any():
        keys.append(Key(label="dead slot", colour=RED, kind="diamond", size=5))
    if rows.any():
        keys.append(Key(label="its row is", colour=RED, kind="diamond", hollow=True, size=5))
    if faults.wires:
        keys.append(Key(label="dead wires", colour=RED, size=3))
    return keys


def _dotted(faults: FaultMap) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Dead slots [N], and others whose own row is [N]; a dead tile is coloured, not dotted."""
    tiles = len(faults.rows)
    slots = len(faults.slots) // tiles
    whole = np.ones(tiles, dtype=np.bool_)
    whole[list(faults.tiles)] = False
    shown = np.repeat(whole, slots)
    return faults.slots & shown, faults.rows[:, :slots].ravel() & ~faults.slots & shown
