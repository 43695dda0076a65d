"""Columns of a gating network that stands on the chip: where they find room, whom they hear, and their devices.

Inputs enter the north row. Where every north tile has all of them, a column stands in one of these tiles; where they
are spread over the tiles, a discriminant has a column in each, and what these receive is added up off the chip. When an
experience has ended, centres of classes that have no columns get theirs, or none where not even one for each class
finds slots. There are as many for a class as all classes to come find slots for, too; where a class has more centres,
the nearest are merged. Then an auction of taps for each time window says which inputs all columns hear from now on
(``agents.auction.taps``), and all are programmed anew, for every class changes the covariance that they share.

Columns are output units that belong to no expert: they run for the gating network alone, never learn by gradients, and
nobody hears them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from smalti.agents.auction.bids import GATE
from smalti.agents.auction.taps import Listening, clear_taps
from smalti.model.chip.links import Links
from smalti.model.gating.columns import Column
from smalti.model.gating.networks.crossbar import CrossbarGating
from smalti.model.grafting.graft import Birth, graft, rehear
from smalti.model.growth.regression import Regression
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.growth.placing.room import Need

Row = dict[str, object]
Key = tuple[int, int]  # class, and number of a centre of it


@dataclass(frozen=True)
class Entry:
    """North tiles that the same input channels enter: a column in one of them hears these."""

    tiles: tuple[int, ...]  # those with most of the channels' rows first
    channels: tuple[int, ...]


def entries(links: Links) -> list[Entry]:
    """Groups of north tiles which together have all input channels, as far as known faults have left them rows."""
    found: dict[tuple[int, ...], list[int]] = {}
    for channel in range(links.channels):
        found.setdefault(links.fabric.entries(channel), []).append(channel)
    groups = list[Entry]()
    for tiles, channels in found.items():
        rows = Counter({tile: int(_with_row(links, tile)[channels].sum()) for tile in tiles})
        if heard := tuple(tile for tile, count in rows.most_common() if count):
            groups.append(Entry(heard, tuple(channels)))
    return groups


def place(
    groups: Sequence[Entry], keys: Sequence[Key], windows: int, free: Mapping[int, Sequence[int]]
) -> tuple[tuple[Column, ...], int | None]:
    """Columns of some centres, each in the roomiest tile of its group, up to the first that finds a full one: which.

    Args:
        groups: of which each centre needs a column for every window.
        keys: the centres.
        windows: number of time windows.
        free: tile -> slots that may be taken, of which the last ones are.
    """
    left, placed = {tile: list(slots) for tile, slots in free.items()}, list[Column]()
    for label, centre in keys:
        for group in groups:
            for window in range(windows):
                tile = max(group.tiles, key=lambda tile: len(left[tile]))
                if not left[tile]:
                    return tuple(placed), tile
                placed.append(Column(left[tile].pop(), label, centre, window))
    return tuple(placed), None


def room_for(gate: CrossbarGating, grower: Grower, classes: int, taken: Mapping[int, int]) -> Counter[int]:
    """Slots of each tile to be kept for the columns of so many classes, as far as there are any.

    Args:
        gate: whose columns they will be.
        grower: of the chip.
        classes: that have no columns yet.
        taken: slots of each tile that others will take.
    """
    network, keys = grower.network, _keys(classes, gate.options.crossbar.centres)
    placed, _ = place(entries(network.links), keys, gate.windows, spare(grower, taken))
    return Counter(network.fabric.tile_of_slot(column.slot) for column in placed)


def _keys(classes: int, centres: int) -> list[Key]:
    """As many centres for each of so many classes, whichever these are, centres first."""
    return [(label, centre) for centre in range(centres) for label in range(classes)]


def spare(grower: Grower, taken: Mapping[int, int]) -> dict[int, list[int]]:
    """Free slots of each tile, without so many that others will take; after a self-test the soundest last."""
    free, devices = grower.network.free_slots(), grower.network.memristors
    found = dict[int, list[int]]()
    for tile, slots in free.items():
        left = max(0, len(slots) - taken.get(tile, 0))
        stuck = devices.tested(tile)
        if stuck is None:
            found[tile] = slots[:left]
        else:
            share = {slot: float(stuck[slot % len(stuck)]) for slot in slots}
            found[tile] = sorted(slots, key=lambda slot: -share[slot])[len(slots) - left :]
    return found


@dataclass(frozen=True)
class GateColumns:
    """The columns of a gating network at the end of an experience."""

    grower: Grower
    gate: CrossbarGating
    task: int
    to_come: int  # classes of later experiences that will want columns
    free: Mapping[int, Sequence[int]]  # tile -> slots that may be taken
    shuffle: np.random.Generator | None = None  # random numbers for bids that are worth what others are

    def run(self) -> str:
        """Buy what is missing and program all; why nothing could be bought, empty where it was or nothing missed."""
        network = self.grower.network
        groups = entries(network.links)
        known, free = self._instead(groups)
        self._merge(groups, free)
        missing = self.gate.without_columns
        placed, full = place(groups, missing, self.gate.windows, free)
        if full is None:
            self._bear(placed)
        columns = known if full is not None else (*known, *placed)
        if columns:
            self._program(columns, self._auction(groups, columns))
        if full is None:
            return ""
        return (
            f"tile {network.fabric.position(full)} has no slot left for {len(missing) * self.gate.windows} columns of "
            "the gating network, so that the task has to be told"
        )

    def _instead(self, groups: Sequence[Entry]) -> tuple[tuple[Column, ...], dict[int, list[int]]]:
        """The columns that there are, others in place of silent ones as far as there is room, and slots left free."""
        network, kept, moved, gone = self.grower.network, list[Column](), list[Column](), list[int]()
        left = {tile: list(slots) for tile, slots in self.free.items()}
        tiles = {tile: group.tiles for group in groups for tile in network.fabric.entries(group.channels[0])}
        for column in self.gate.columns:
            there = tiles.get(network.fabric.tile_of_slot(column.slot), ())
            roomiest = max(there, key=lambda tile: len(left[tile]), default=-1)
            if _silent(network.links, column.slot) and left.get(roomiest):
                moved.append(replace(column, slot=left[roomiest].pop()))
                gone.append(column.slot)
            else:
                kept.append(column)
        self.grower.buy(gone)
        self._bear(moved)
        return (*kept, *moved), left

    def _merge(self, groups: Sequence[Entry], free: Mapping[int, Sequence[int]]) -> None:
        """Leave classes without columns as many centres as find slots, where all classes to come want as many."""
        gate, new = self.gate, sorted({label for label, _ in self.gate.without_columns})
        most = gate.options.crossbar.centres
        while most > 1 and place(groups, _keys(len(new) + self.to_come, most), gate.windows, free)[1] is not None:
            most -= 1
        for label in new:
            gate.centres.merge(label, max(most, gate.columns_of(label)))

    def row(self, expert: int, refused: str) -> Row:
        """What the table ``openings`` says of it, for a task that an expert of that number serves."""
        state, fabric, nan = self.grower.network.state, self.grower.network.fabric, float("nan")
        tiles, places = self.gate.slots // fabric.slots, self.gate.slots % fabric.slots
        sources = state.source[tiles][state.mask[tiles, :, places].cpu()]
        said = {"taken": not refused, "served": not refused, "refused": refused, "bought": 0, "paid": 0.0}
        centres = Counter(label for label, _ in self.gate.discriminants)
        heard = {"taps": 0, "inputs": len(torch.unique(sources)), "experts_run": 0, "neurons_run": 0}
        heard["centres"] = min(centres.values(), default=0)
        return {"task": self.task, "step": GATE, "expert": expert, "loss": nan, "score": nan, **said, **heard}

    def _bear(self, columns: Sequence[Column]) -> None:
        """Give columns their slots; they hear nobody yet."""
        network, nobody = self.grower.network, torch.zeros(0, dtype=torch.int64)
        for column in columns:
            network.links.add_local(column.slot)
            graft(network, Birth(column.slot, True, nobody, nobody, nobody, nobody), self.grower.moments)
            self.grower.born.append((column.slot, GATE, self.task))
        bought = Counter(network.fabric.tile_of_slot(column.slot) for column in columns)
        kept = {tile: min(count, self.grower.kept.slots[tile]) for tile, count in bought.items()}
        self.grower.give_up(Need(slots=Counter({tile: count for tile, count in kept.items() if count})))

    def _auction(self, groups: Sequence[Entry], columns: Sequence[Column]) -> Tensor:
        """Which channels columns hear [windows, I] bool, by an auction for every window and group of tiles."""
        network, windows = self.grower.network, self.gate.windows
        classes = sorted({column.label for column in columns})
        gram, moment, power = self.gate.centres.indicators(tuple(classes))
        heard = torch.zeros((windows, network.channels), dtype=torch.bool)
        nobody = torch.zeros(0, dtype=torch.bool)  # no input needs a neuron, so that none is looked at
        for window in range(windows):
            for group in groups:
                channels = torch.tensor(group.channels)
                features = window * network.channels + channels
                listening = Listening(
                    tile=group.tiles[0],
                    task=self.task,
                    sources=(channels + network.fabric.neurons).tolist(),
                    regression=Regression(gram[features][:, features], moment[features], power),
                    worth=len(classes) / 2,
                    upstream=nobody.expand(len(channels), -1),
                    spikes=nobody.double(),
                    running=nobody,
                )
                most = self.gate.options.crossbar.taps or len(channels)
                taps = clear_taps(listening, self.grower.prices, most, self.grower.number, shuffle=self.shuffle)
                self.grower.outcomes += taps.outcomes
                self.grower.number += len(taps.outcomes)
                heard[window, channels[list(taps.places)]] = True
        return heard

    def _program(self, columns: Sequence[Column], heard: Tensor) -> None:
        """Write the devices of all columns: of the channels [windows, I] that are heard those with a row in their tile.

        What has no row where a column stands, for known faults, counts as if it were as on average; so does all that a
        silent column would hear.
        """
        network, tiles = self.grower.network, [self.grower.network.fabric.tile_of_slot(one.slot) for one in columns]
        rows = {tile: _with_row(network.links, tile) for tile in {*tiles}}
        enters = {tile: _entering(network.links, tile) for tile in rows}
        silent = torch.tensor([_silent(network.links, column.slot) for column in columns])
        absent = torch.stack([enters[tile] & ~rows[tile] for tile in tiles], 1)
        absent |= torch.stack([enters[tile] for tile in tiles], 1) & silent
        programme = self.gate.program(columns, heard.flatten(), absent)
        with network.memristors.rewriting():
            for column, tile, weights in zip(columns, tiles, programme.weights.T, strict=True):
                channels = torch.nonzero(heard[column.window] & rows[tile]).flatten()
                rehear(network, column.slot, channels + network.fabric.neurons, weights[channels], self.grower.moments)


def _silent(links: Links, slot: int) -> bool:
    """Whether a column is known to say nothing: its slot is dead, or no input enters its tile any more."""
    if links.faults is None or not links.faults_known:
        return False
    tile = links.fabric.tile_of_slot(slot)
    return bool(links.faults.slots[slot]) or not bool(_with_row(links, tile).any())


def _with_row(links: Links, tile: int) -> Tensor:
    """Which input channels have a row in a tile [I] bool."""
    return torch.tensor([(channel + links.fabric.neurons, tile) in links.rows for channel in range(links.channels)])


def _entering(links: Links, tile: int) -> Tensor:
    """Which input channels enter a tile that has no faults [I] bool."""
    return torch.tensor([tile in links.fabric.entries(channel) for channel in range(links.channels)])
