"""The part of the chip that runs, packed for the event-driven engine: banks of lanes, segments of links.

What does not run is not in the plan at all: free slots, free rows, neurons of experts that are switched off, and links
that drive none of the neurons in it. Devices that are frozen get no gradient, and neurons no adjoint that nothing which
learns could use. A plan holds no weights; it is remade when links, devices or the running neurons change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

NARROWEST, WIDEST = 8, 32  # lanes of a bank
Array = NDArray[Any]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Rows = NDArray[np.int32]


class Graph(NamedTuple):
    """Who drives what. Sources are the units (bank * lanes + lane), then the input channels.

    Segments stand by source. A bundle is all segments from one bank to another; bundles stand by the bank that is
    driven, then the one that drives.
    """

    start: Ints  # [units + channels + 1] first segment of each source
    learning: Ints  # [units + channels] end of those of its segments that learn; they come first
    bank: NDArray[np.int32]  # [segments] bank that a segment drives
    heard_start: Ints  # [banks + 1] first bundle of each bank that is driven
    heard: Ints  # [bundles] bank that drives, ascending
    near_start: Ints  # [banks + 1] where in ``near`` those of each bank begin
    near: Ints  # [bundles] banks that the neurons of a bank drive, ascending
    near_rows: Ints  # [bundles] and where those bundles begin in ``weights``
    weights: Rows  # [bundles * lanes] first weight of each driving neuron's segment, or of a row of zeros
    learns: Rows  # [bundles * lanes] the same of those that learn, or -1
    outputs: Ints  # [O] units whose membranes are wanted


@dataclass(frozen=True)
class Chip:
    """State of the chip, as arrays."""

    source: Ints  # [K, R]
    mask: Bools  # [K, R, n]
    learns: Bools  # [K, R, n] devices that are in use and not frozen
    fires: Bools  # [N] neurons that may fire
    outputs: Ints  # [O] slots whose membranes are wanted, whether they fire or not
    channels: int  # I


@dataclass(frozen=True)
class Plan:
    """The running part of a chip."""

    graph: Graph
    lanes: int  # of a bank: 8, 16 or 32
    slot: Ints  # [units] slot of each unit, -1 for a lane without neuron
    column: NDArray[np.int32]  # [units] its column in its crossbar, -1
    row: Ints  # [segments] first device of the row, in the crossbars laid flat
    learns: Bools  # [segments * lanes] devices whose gradient is wanted
    fires: Bools  # [units]
    needs_adjoint: Bools  # [units] whose adjoints are of use

    @property
    def units(self) -> int:
        """Lanes of all banks."""
        return len(self.slot)

    @property
    def banks(self) -> int:
        """Banks of lanes."""
        return len(self.slot) // self.lanes

    @property
    def segments(self) -> int:
        """Rows of links, cut into banks."""
        return len(self.row)


def make_plan(chip: Chip, all_adjoints: bool = False) -> Plan:
    """Pack what runs.

    Args:
        chip: state.
        all_adjoints: adjoints of all neurons and gradients of all rows are wanted, whether something learns or not.
    """
    tiles, _, slots = chip.mask.shape
    present = chip.fires.copy()
    present[chip.outputs] = True
    lanes, slot, unit_of, banks_of = _banks(present, tiles, slots)
    column = np.where(slot >= 0, slot % slots, -1)
    source, row, bank, learns, drives = _segments(chip, lanes, column, unit_of, banks_of, all_adjoints)
    order = np.lexsort((bank, ~learns.any(1), source))
    source, row, bank, learns, drives = source[order], row[order], bank[order], learns[order], drives[order]
    sources = len(slot) + chip.channels
    start = np.searchsorted(source, np.arange(sources + 1))
    some_learn: Bools = np.asarray(learns.any(1))
    learning = start[:-1] + np.bincount(source[some_learn], minlength=sources)
    fires = (slot >= 0) & chip.fires[slot]
    bundles = _bundles(source, bank, some_learn, len(slot) // lanes, lanes)
    graph = Graph(start, learning, bank.astype(np.int32), *bundles, unit_of[chip.outputs])
    needs_adjoint = fires if all_adjoints else fires & _of_use(source, bank, learns, drives, len(slot), lanes)
    return Plan(graph, lanes, slot, column.astype(np.int32), row, learns.reshape(-1), fires, needs_adjoint)


def _banks(present: Bools, tiles: int, slots: int) -> tuple[int, Ints, Ints, Ints]:
    """Lanes of a bank, slot of every unit (-1), unit of every slot (-1), first bank of every tile [K + 1]."""
    per_tile = present.reshape(tiles, slots).sum(1)
    largest = int(per_tile.max(initial=1))
    lanes = NARROWEST
    while lanes < min(largest, WIDEST):
        lanes *= 2
    first = np.concatenate([[0], np.cumsum(-(-per_tile // lanes))])
    here = np.flatnonzero(present)
    tile = here // slots
    rank = np.arange(len(here)) - (np.cumsum(per_tile) - per_tile)[tile]
    unit = first[tile] * lanes + rank
    slot = np.full(first[-1] * lanes, -1, dtype=np.int64)
    slot[unit] = here
    unit_of = np.full(len(present), -1, dtype=np.int64)
    unit_of[here] = unit
    return lanes, slot, unit_of, first


def _segments(
    chip: Chip, lanes: int, column: Ints, unit_of: Ints, banks_of: Ints, every: bool
) -> tuple[Ints, Ints, Ints, Bools, Bools]:
    """Source, first device, bank, and by lane whether a device learns and is in use, of segments in use (or all)."""
    tiles, rows, slots = chip.mask.shape
    neurons = tiles * slots
    tile, row = np.nonzero(chip.source >= 0)
    driver = chip.source[tile, row]
    is_input = driver >= neurons
    runs = is_input | chip.fires[np.where(is_input, 0, driver)]
    tile, row, driver, is_input = tile[runs], row[runs], driver[runs], is_input[runs]
    source = np.where(is_input, driver - neurons + len(column), unit_of[np.where(is_input, 0, driver)])
    count = banks_of[tile + 1] - banks_of[tile]
    link = np.repeat(np.arange(len(tile)), count)
    bank = np.arange(len(link)) - np.repeat(np.cumsum(count) - count, count) + banks_of[tile[link]]
    source, tile, row = source[link], tile[link], row[link]
    columns = column.reshape(-1, lanes)[bank]
    place = tile[:, None], row[:, None], np.maximum(columns, 0)
    used = chip.mask[place] & (columns >= 0)
    learns = columns >= 0 if every else chip.learns[place] & used
    taken = learns.any(1) if every else used.any(1)
    first = (tile * rows + row) * slots
    return source[taken], first[taken], bank[taken], learns[taken], used[taken]


def _bundles(
    source: Ints, bank: Ints, learns: Bools, banks: int, lanes: int
) -> tuple[Ints, Ints, Ints, Ints, Ints, Rows, Rows]:
    """Fields of a graph from ``heard_start`` to ``learns``."""
    inner = np.flatnonzero(source < banks * lanes)
    pair = bank[inner] * banks + source[inner] // lanes
    pairs = np.unique(pair)
    driven, driving = pairs // max(banks, 1), pairs % max(banks, 1)
    order = np.lexsort((driven, driving))
    heard_start, near_start = (np.searchsorted(one, np.arange(banks + 1)) for one in (driven, driving[order]))
    bundle, lane = np.searchsorted(pairs, pair), source[inner] % lanes
    weights = np.full((len(pairs), lanes), len(source) * lanes, dtype=np.int32)
    weights[bundle, lane] = inner * lanes
    learning = np.full_like(weights, -1)
    learning[bundle, lane] = np.where(learns[inner], inner * lanes, -1)
    return heard_start, driving, near_start, driven[order], order * lanes, weights.reshape(-1), learning.reshape(-1)


def _of_use(source: Ints, bank: Ints, learns: Bools, drives: Bools, units: int, lanes: int) -> Bools:
    """Units whose adjoints a weight gradient needs: those with devices that learn, and all that lie behind them."""
    useful = np.zeros((units // lanes, lanes), dtype=bool)
    np.logical_or.at(useful, bank, learns)
    while True:
        flat = np.append(useful.reshape(-1), np.zeros(max(0, int(source.max(initial=-1)) + 1 - units), dtype=bool))
        more = useful.copy()
        np.logical_or.at(more, bank, drives & flat[source][:, None])
        if np.array_equal(more, useful):
            return useful.reshape(-1)
        useful = more
