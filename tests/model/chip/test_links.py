from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from smalti.model.chip.fabric import NORTH, Fabric, FabricError, FabricOptions
from smalti.model.chip.links import FREE, Links, Offer, Refusal, side_of_row


def chip(rows: int = 2, cols: int = 2, wires: int = 3, corner_wires: int = 1, **other: Any) -> Fabric:
    options = FabricOptions(rows=rows, cols=cols, neurons_per_tile=3, wires=wires, corner_wires=corner_wires, **other)
    return Fabric(options)


def recount(links: Links) -> np.ndarray:
    """Wires in use on every port, from the paths of the links alone."""
    holders: dict[int, set[int]] = {}
    for (source, _), path in links.paths.items():
        for port in path.ports:
            holders.setdefault(port, set()).add(source)
    used = np.zeros(len(links.fabric.capacity), dtype=np.int64)
    for port, sources in holders.items():
        used[port] = len(sources)
    return used


def check(links: Links) -> None:
    """The books agree with each other and no limit is crossed."""
    used = recount(links)
    assert np.array_equal(links.ledger.used, used)
    assert (used <= links.fabric.capacity).all()
    assert set(links.rows) == set(links.paths)
    table = np.full_like(links.source, FREE)
    for (source, tile), row in links.rows.items():
        table[tile, row] = source
        side = side_of_row(links.fabric, row)
        if row < links.fabric.slots:
            assert (source, side) == (tile * links.fabric.slots + row, "local")
        else:
            assert side == "NESW"[links.paths[source, tile].side]
            assert links.paths[source, tile].ports[-1] // 8 == links.fabric.cell_of_tile(tile)
    assert np.array_equal(links.source, table)
    assert len(set(links.rows)) == int((table != FREE).sum())


def test_inputs_enter_the_north_tiles_in_turn() -> None:
    links = Links(chip(cols=3, dead_tiles=((0, 1),)), channels=5)
    first = links.fabric.neurons
    tiles = [links.of(first + channel) for channel in range(5)]
    assert tiles == [[0], [2], [0], [2], [0]]
    north = links.fabric.slots + NORTH * links.fabric.wires
    assert links.source[0, north : north + 3].tolist() == [first, first + 2, first + 4]
    assert links.source[2, north : north + 3].tolist() == [first + 1, first + 3, FREE]
    assert links.kind(first, 0) == "input"
    check(links)


def test_inputs_enter_every_north_tile_where_that_is_asked() -> None:
    links = Links(chip(cols=3, dead_tiles=((0, 1),), inputs="every"), channels=3)
    first = links.fabric.neurons
    assert [links.of(first + channel) for channel in range(3)] == [[0, 2]] * 3
    assert links.fabric.channels == 3
    check(links)
    with pytest.raises(FabricError, match=r"4 input channels do not fit the 3 wires of each north tile.*fabric\.wires"):
        Links(chip(inputs="every"), channels=4)


def test_more_channels_than_north_wires_are_refused() -> None:
    Links(chip(), channels=6)
    with pytest.raises(FabricError, match=r"7 input channels do not fit the 6 north wires .*2 live north tiles x 3"):
        Links(chip(), channels=7)


def test_a_full_side_is_named_and_nothing_is_taken() -> None:
    """Three wires lead from tile 0 over the R1 to tile 1; the ways around have one each, by their corners."""
    links = Links(chip(), channels=0)
    for slot in range(3):
        links.add(slot, 1)
    assert {links.paths[slot, 1].cells for slot in range(3)} == {(7,)}
    before = links.ledger.used.copy()
    reply = links.offer(2, 1, from_tile=0)
    assert isinstance(reply, Offer)  # it is on these wires already
    links.ledger.reserve(99, links.ways(0, 1)[1].ports)
    links.ledger.reserve(99, links.ways(0, 1)[2].ports)
    refusal = links.offer(FREE, 1, from_tile=0)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "neuron tile (0, 0) side E out is full"
    links.ledger.release(99, links.ways(0, 1)[1].ports)
    links.ledger.release(99, links.ways(0, 1)[2].ports)
    assert np.array_equal(links.ledger.used, before)


def test_a_refused_link_raises_naming_the_side() -> None:
    links = Links(chip(corner_wires=0), channels=0)
    with pytest.raises(FabricError, match=r"no link from neuron slot 0 to tile 3: R0 \(2, 2\) side W in is full"):
        links.add(0, 3)
    check(links)
    assert not links.rows


def test_the_next_link_takes_another_way_when_the_first_is_full() -> None:
    links = Links(chip(), channels=0)
    links.add(0, 3)
    links.add(1, 3)
    assert links.paths[0, 3].cells == (11, 12, 17)
    assert links.paths[1, 3].cells == (7, 12, 13)
    assert isinstance(links.offer(2, 3), Refusal)
    check(links)


def test_dead_places_are_refused_in_words() -> None:
    dead = Links(chip(dead_tiles=((1, 1),)), channels=0).offer(0, 3)
    assert dead == Refusal(0, 3, "tile (1, 1) is dead")
    cut = Links(chip(dead_routers=((2, 2),)), channels=0).offer(0, 3)
    assert cut == Refusal(0, 3, "every path to tile (1, 1) crosses a dead routing tile")


def test_an_offer_names_the_wires_still_needed_and_changes_nothing() -> None:
    links = Links(chip(rows=3, cols=3), channels=2)
    before = links.version, links.ledger.used.copy(), links.source.copy()
    offer = links.offer(0, 8)
    assert isinstance(offer, Offer)
    assert offer.new_ports == offer.path.ports
    assert links.version == before[0]
    assert np.array_equal(links.ledger.used, before[1])
    assert np.array_equal(links.source, before[2])
    links.add(0, 4)
    after = links.offer(0, 8)
    assert isinstance(after, Offer)
    assert set(after.new_ports) == set(after.path.ports) - set(links.paths[0, 4].ports)
    assert len(after.new_ports) < len(offer.new_ports)


def test_removing_gives_back_exactly_what_was_taken() -> None:
    links = Links(chip(rows=3, cols=3), channels=4)
    links.add_local(0)
    links.add(0, 4)
    before = links.ledger.used.copy(), links.source.copy(), dict(links.rows), dict(links.paths)
    version = links.version
    row = links.add(0, 8)
    assert links.source[8, row] == 0
    assert links.remove(0, 8) == row
    assert np.array_equal(links.ledger.used, before[0])
    assert np.array_equal(links.source, before[1])
    assert (links.rows, links.paths) == before[2:]
    assert links.version == version + 2


def test_kinds_and_tiles_of_a_source() -> None:
    links = Links(chip(), channels=1)
    links.add_local(4)
    links.add(4, 0)
    assert sorted(links.of(4)) == [0, 1]
    assert (links.kind(4, 1), links.kind(4, 0), links.kind(12, 0)) == ("local", "routed", "input")


def test_sides_of_rows() -> None:
    fabric = chip()
    sides = [side_of_row(fabric, row) for row in range(fabric.rows_per_tile)]
    assert sides == ["local"] * 3 + ["N"] * 3 + ["E"] * 3 + ["S"] * 3 + ["W"] * 3


def test_hops_of_a_source_count_a_shared_trunk_once() -> None:
    """Tile 0 to 4 crosses cells 15, 16, 23 and to 8 crosses 15, 16, 17, 18, 25, 32, 39: eight cells in all."""
    links = Links(chip(rows=3, cols=3), channels=2)
    links.add_local(0)
    links.add(0, 4)
    links.add(0, 8)
    assert links.paths[0, 4].cells == (15, 16, 23)
    assert links.paths[0, 8].cells == (15, 16, 17, 18, 25, 32, 39)
    hops = links.hops_per_source()
    assert hops.shape == (27 + 2,)
    assert (hops[0], hops[27], hops[28]) == (8, 1, 1)
    assert hops.sum() == 10


def test_hops_at_corners_by_hand() -> None:
    """On the grid of 7 x 7, cell 16 is (2, 2), 18 (2, 4) and 32 (4, 4): corners; the other five lie on edges."""
    links = Links(chip(rows=3, cols=3), channels=2)
    links.add_local(0)
    links.add(0, 4)
    links.add(0, 8)
    corners = links.corner_hops_per_source()
    assert (corners[0], corners.sum()) == (3, 3)


def test_restoring_a_path_that_is_not_there_is_refused() -> None:
    links = Links(chip(), channels=0)
    with pytest.raises(FabricError, match="recorded path of the link 0 -> tile 3 does not exist"):
        links.restore(0, 3, 12, (11, 12))


class Wiring(RuleBasedStateMachine):
    """Lays and removes links at will on small chips with dead places."""

    links: Links

    @initialize(data=st.data())
    def build(self, data: st.DataObject) -> None:
        rows, cols = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)), label="size")
        tiles = st.tuples(st.integers(0, rows - 1), st.integers(0, cols - 1))
        cells = st.tuples(st.integers(0, 2 * rows), st.integers(0, 2 * cols))
        routers = cells.filter(lambda cell: not (cell[0] % 2 and cell[1] % 2))
        options = FabricOptions(
            rows=rows,
            cols=cols,
            neurons_per_tile=2,
            wires=data.draw(st.integers(1, 3), label="wires"),
            corner_wires=data.draw(st.integers(0, 2), label="corner wires"),
            dead_tiles=tuple(data.draw(st.lists(tiles, max_size=2), label="dead tiles")),
            dead_routers=tuple(data.draw(st.lists(routers, max_size=2), label="dead routers")),
        )
        try:
            fabric = Fabric(options)
        except FabricError:
            assume(False)
        room = len(fabric.north_tiles) * fabric.wires
        self.links = Links(fabric, data.draw(st.integers(0, room), label="channels"))
        for tile in fabric.live_tiles:
            for k in range(fabric.slots):
                self.links.add_local(tile * fabric.slots + k)

    @rule(slot=st.integers(0, 17), tile=st.integers(0, 8))
    def lay(self, slot: int, tile: int) -> None:
        links, fabric = self.links, self.links.fabric
        slot, tile = slot % fabric.neurons, tile % fabric.tiles
        start = fabric.tile_of_slot(slot)
        if start == tile or (slot, tile) in links.rows or start not in fabric.live_tiles:
            return
        offer = links.offer(slot, tile)
        if isinstance(offer, Offer):
            links.lay(offer)
            assert (slot, tile) in links.rows
        else:
            with pytest.raises(FabricError):
                links.add(slot, tile)

    @rule(choice=st.integers(0, 10**6))
    def remove(self, choice: int) -> None:
        keys = sorted(self.links.rows)
        if keys:
            source, tile = keys[choice % len(keys)]
            row = self.links.rows[source, tile]
            assert self.links.remove(source, tile) == row
            assert self.links.source[tile, row] == FREE

    @rule()
    def restore_elsewhere(self) -> None:
        """A record of the links, laid again in another order, makes the same books."""
        links = self.links
        copy = Links(links.fabric, links.channels)
        for source, tile in sorted(set(copy.rows) - set(links.rows)):
            copy.remove(source, tile)
        for source, tile in sorted(links.rows, reverse=True):
            copy.restore(source, tile, links.rows[source, tile], links.paths[source, tile].cells)
        assert np.array_equal(copy.ledger.used, links.ledger.used)
        assert np.array_equal(copy.source, links.source)
        assert copy.rows == links.rows
        assert copy.paths == links.paths
        for port in np.flatnonzero(links.ledger.used).tolist():
            assert copy.ledger.free(port) == links.ledger.free(port)
        check(copy)
        for source, tile in sorted(copy.rows):  # and it comes apart without a rest
            copy.remove(source, tile)
        assert not copy.ledger.used.any()

    @invariant()
    def books_agree(self) -> None:
        if hasattr(self, "links"):
            check(self.links)


Wiring.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestWiring: Callable[..., Any] = Wiring.TestCase


def test_links_come_back_with_their_rows_and_paths() -> None:
    fabric = Fabric(FabricOptions(rows=2, cols=2, neurons_per_tile=4, wires=3, corner_wires=1))
    links = Links(fabric, 3)
    for source, tile in ((0, 1), (0, 3), (5, 0), (9, 3)):
        links.add(source, tile)
    links.add_local(5)
    links.remove(0, 1)
    again = Links(fabric, 3)
    again.load_state_dict(json.loads(json.dumps(links.state_dict())))
    assert again.rows == links.rows
    assert again.paths == links.paths
    assert (again.source == links.source).all()
    assert (again.ledger.used == links.ledger.used).all()
    assert again.state_dict() == links.state_dict()
