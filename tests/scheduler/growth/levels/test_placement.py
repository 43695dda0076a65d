"""Where parts of two levels stand on chips of one row and of several, and what is in their way."""

from __future__ import annotations

import pytest

from smalti.model.chip.fabric import Fabric, FabricOptions, NoRoomError
from smalti.model.chip.links import Links
from smalti.scheduler.growth.levels.placement import Site
from smalti.scheduler.growth.placing.room import empty


def site(**options: object) -> Site:
    fabric = Fabric(FabricOptions(**({"rows": 1, "cols": 3, "neurons_per_tile": 10, "wires": 8} | options)))  # type: ignore[arg-type]
    return Site(Links(fabric, fabric.channels), empty(fabric))


def test_the_relay_stands_in_the_middle() -> None:
    assert site().place_relay(4).slots == (10, 11, 12, 13)
    assert site(rows=3, corner_wires=4).place_relay(2).slots[0] // 10 == 4


def test_a_north_part_stands_near_the_relay_where_every_tile_hears_all() -> None:
    here = site(inputs="every")
    here.place_relay(4)
    plan = here.place_north(8)
    assert [slot // 10 for slot in plan.slots] == [1] * 6 + [0] * 2
    assert plan.target == 1
    assert [(slot, 1) in here.links.rows for slot in plan.slots] == [False] * 6 + [True] * 2


def test_a_north_part_is_spread_where_each_tile_hears_some() -> None:
    here = site(inputs="spread")
    here.place_relay(4)
    assert sorted(slot // 10 for slot in here.place_north(6).slots) == [0, 0, 1, 1, 2, 2]


def test_a_south_part_stands_where_the_relay_is_heard() -> None:
    here = site(inputs="every")
    here.place_relay(4)
    first, second = here.place_south(2, 2), here.place_south(4, 3)
    assert first.slots == (14, 15)
    assert first.outputs == (18, 19)
    assert {slot // 10 for slot in (*second.slots, *second.outputs)} == {0}
    assert second.taps == (10, 11, 12, 13)
    assert all((slot, 0) in here.links.rows for slot in second.taps)
    before = here.links.ledger.used.sum()
    here.place_south(1, 1)
    assert here.links.ledger.used.sum() == before


def test_what_is_full_is_said() -> None:
    with pytest.raises(
        NoRoomError, match="a relay of 11 neurons stands in one tile, and no tile has more than 10 slots"
    ):
        site().place_relay(11)
    here = site(inputs="every", wires=3, corner_wires=0)
    here.place_relay(10)
    with pytest.raises(NoRoomError, match=r"room for 6 of 9 north neurons: .* is full"):
        here.place_north(9)
    with pytest.raises(NoRoomError, match=r"2 neurons and 2 outputs of a south part: .* is full"):
        here.place_south(2, 2)
    with pytest.raises(NoRoomError, match="9 neurons and 2 outputs of a south part: they are full"):
        here.place_south(9, 2)


def test_looking_changes_no_books_of_the_chip() -> None:
    fabric = Fabric(FabricOptions(rows=1, cols=2, neurons_per_tile=6, wires=4, inputs="every"))
    links = Links(fabric, 4)
    rows = dict(links.rows)
    here = Site(links.copy(), empty(fabric))
    here.place_relay(3)
    here.place_north(5)
    assert links.rows == rows
