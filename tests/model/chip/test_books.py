"""The books of the chip under 100,000 operations in random order: links laid and refused, neurons bought back whole and
partly returned, wires kept for tasks to come, places that break and are mended. Usage recomputed from the paths alone
equals the ledger, and no capacity is ever crossed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import FREE, Links, Offer

CHIPS = {
    "scarce corners": FabricOptions(rows=3, cols=3, neurons_per_tile=4, wires=3, corner_wires=1),
    "one wire a side": FabricOptions(rows=2, cols=4, neurons_per_tile=4, wires=1, corner_wires=1),
    "no corners": FabricOptions(rows=3, cols=2, neurons_per_tile=4, wires=4, corner_wires=0),
    "every input everywhere": FabricOptions(rows=1, cols=4, neurons_per_tile=6, wires=6, inputs="every"),
}
OPERATIONS = 25_000  # of each chip
RECOUNT = 250  # operations between two counts from scratch


class Market:
    """Links and, beside them, how many links of each source use each port: a count of its own after every change."""

    def __init__(self, options: FabricOptions, seed: int) -> None:
        self.options, self.chance = options, np.random.default_rng(seed)
        self.links = Links(Fabric(options), channels=2)
        self.kept: dict[int, int] = {}
        self.done: Counter[str] = Counter()
        self.recount()

    def recount(self) -> None:
        self.uses = Counter((port, source) for (source, _), path in self.links.paths.items() for port in path.ports)

    def lay(self) -> None:
        """A link, if it fits; a refusal changes nothing, and an offer leaves alone what is kept."""
        links = self.links
        source, tile = int(self.chance.integers(links.fabric.neurons)), int(self.chance.integers(links.fabric.tiles))
        own = links.fabric.tile_of_slot(source)
        if own not in links.fabric.live_tiles or own == tile or (source, tile) in links.rows:
            return
        version, offer = links.version, links.offer(source, tile)
        if isinstance(offer, Offer):
            assert all(links.ledger.free(port) > 0 for port in offer.new_ports)
            links.lay(offer)
            self.uses.update((port, source) for port in offer.path.ports)
            self.done["laid"] += 1
        else:
            assert links.version == version
            self.done["refused"] += 1

    def remove(self, key: tuple[int, int]) -> None:
        """A link given back; the channels' are laid with the chip and stay."""
        self.uses.subtract((port, key[0]) for port in self.links.paths[key].ports)
        row = self.links.remove(*key)
        assert self.links.source[key[1], row] == FREE

    def buy_back(self) -> None:
        """All links of a few neurons, on a copy first; then some of them come back as far as there is room."""
        links = self.links
        sellers = self.chance.integers(links.fabric.neurons, size=3).tolist()
        sold = [key for key in links.rows if key[0] in sellers]
        trial = links.copy()
        for key in sold:
            trial.remove(*key)
        for key in sold:
            self.remove(key)
        assert np.array_equal(trial.ledger.used, links.ledger.used)
        assert trial.rows == links.rows
        for source, tile in [sold[k] for k in self.chance.permutation(len(sold))[: len(sold) // 2]]:
            offer = links.offer(source, tile)
            if isinstance(offer, Offer):
                links.lay(offer)
                self.uses.update((port, source) for port in offer.path.ports)
                self.done["returned"] += 1
        self.done["sold"] += len(sold)

    def keep(self) -> None:
        """Keep some free wires for tasks to come, or give up a part of what is kept."""
        ledger = self.links.ledger
        if self.kept and self.chance.random() < 0.5:
            port = int(self.chance.choice(list(self.kept)))
            ledger.give_up({port: self.kept.pop(port)})
            return
        room = self.links.fabric.capacity - ledger.used
        ports = self.chance.permutation(np.flatnonzero(room > 0))[:4].tolist()
        self.kept = {port: int(self.chance.integers(1, room[port] + 1)) for port in ports}
        ledger.keep(self.kept)

    def fault(self) -> None:
        """A routing tile breaks, or all are mended; links that crossed it are gone, all others stay as they were.

        Those of the first row do not break: inputs come in through them, and would have to come in elsewhere.
        """
        old, grid = self.links, Fabric(self.options)
        broken = old.fabric.options.dead_routers
        cell = int(self.chance.integers(grid.grid_cols, grid.cells))
        place = divmod(cell, grid.grid_cols)
        routing = not (place[0] % 2 and place[1] % 2)
        dead = (*broken, place) if routing and len(broken) < 3 else ()
        fabric = Fabric(replace(self.options, dead_routers=dead))
        fresh = Links(fabric, old.channels)
        for (source, tile), row in old.rows.items():
            crossed = set(old.paths[source, tile].cells) & fabric.dead_cells
            if source < fabric.neurons and not crossed:
                fresh.restore(source, tile, row, old.paths[source, tile].cells)
        self.links, self.kept = fresh, {}
        self.recount()
        self.done["broken" if dead else "mended"] += 1

    def try_out(self) -> None:
        """Links given back and laid, and all of it taken back."""
        links, before = self.links, self.links.copy()
        rows, source, uses, version = dict(links.rows), links.source.copy(), Counter(self.uses), links.ledger.version
        for _ in range(3):
            own = [key for key in links.rows if key[0] < links.fabric.neurons]
            if own:
                self.remove(own[int(self.chance.integers(len(own)))])
            self.lay()
        links.revert(before)
        links.ledger.keep(self.kept)
        assert links.rows == rows
        assert [*links.rows] == [*rows]
        assert np.array_equal(links.source, source)
        assert links.ledger.version > version
        self.uses = uses
        self.done["tried"] += 1

    def act(self) -> None:
        """One operation; faults are rare."""
        draw = self.chance.random()
        own = [] if draw < 0.5 else [key for key in self.links.rows if key[0] < self.links.fabric.neurons]
        if draw < 0.5 or not own:
            self.lay()
        elif draw < 0.85:
            self.remove(own[int(self.chance.integers(len(own)))])
        elif draw < 0.89:
            self.buy_back()
        elif draw < 0.93:
            self.try_out()
        elif draw < 0.996:
            self.keep()
        else:
            self.fault()


def check(market: Market) -> None:
    """The ledger is what paths alone say, the count beside it agrees, and tables and rows are the same links."""
    links, ledger = market.links, market.links.ledger
    counted = Counter((port, source) for (source, _), path in links.paths.items() for port in path.ports)
    assert counted == +market.uses
    used = np.bincount([port for port, _ in counted], minlength=len(ledger.used))
    assert np.array_equal(ledger.used, used)
    kept = np.zeros_like(used)
    kept[list(market.kept)] = list(market.kept.values())
    assert ledger.all_free(range(len(used))) == (links.fabric.capacity - used - kept).tolist()
    table = np.full_like(links.source, FREE)
    for (source, tile), row in links.rows.items():
        assert table[tile, row] == FREE
        table[tile, row] = source
    assert np.array_equal(links.source, table)


@pytest.mark.parametrize("name", CHIPS)
def test_the_books_stay_right(name: str) -> None:
    market = Market(CHIPS[name], seed=len(name))
    for operation in range(OPERATIONS):
        market.act()
        assert (market.links.ledger.used <= market.links.fabric.capacity).all()
        if operation % RECOUNT == 0:
            check(market)
    check(market)
    assert min(market.done[what] for what in ("laid", "refused", "sold", "returned", "tried", "broken", "mended")) > 5
    for key in list(market.links.rows):
        market.links.remove(*key)
    assert not market.links.ledger.used.any()
