from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from smalti.analysis.dashboard.selection import MOST_BIDS, Selection, bids_table, coins, details, lit, read_selection


@pytest.mark.parametrize(
    ("key", "selection"),
    [
        ("tile:3", Selection("tile", 3)),
        ("cell:12", Selection("cell", 12)),
        ("neuron:0", Selection("neuron", 0)),
        ("link:7", Selection("link", 7)),
        ("tile:-1", None),
        ("tile:x", None),
        ("file:1", None),
        ("", None),
    ],
)
def test_keys(key: str, selection: Selection | None) -> None:
    assert read_selection(key) == selection


def test_a_tile_shows_its_neurons_rows_and_price(played: Any) -> None:
    view = played.views[-1]
    tile = view.tiles[2]
    found = details(view, Selection("tile", 2))
    assert found is not None
    assert found.title == "tile (1, 0)"
    facts = dict(found.facts)
    hidden = sum(one.kind == "hidden" for one in tile.neurons)
    wanted = f"{hidden} hidden, {len(tile.neurons) - hidden} outputs; {len(tile.neurons)} of 8 slots"
    assert facts["neurons"] == wanted
    assert facts["rows in use"] == f"{tile.rows_used} of 40"
    assert facts["next slot"] == (f"{tile.price:.3g} nats" if tile.price else "none is free")
    neurons, entering = found.tables
    assert [row[0] for row in neurons.rows] == [str(n.neuron) for n in tile.neurons]
    assert neurons.leads == tuple(Selection("neuron", n.neuron) for n in tile.neurons)
    assert len(entering.rows) == tile.rows_used - sum(
        link.kind == "local" and link.target_tile == 2 for link in view.links
    )


def test_a_link_shows_its_route(played: Any) -> None:
    view = played.views[-1]
    link = max((link for link in view.links if link.kind == "routed"), key=lambda link: link.hops)
    found = details(view, Selection("link", link.link))
    assert found is not None
    facts = dict(found.facts)
    assert facts["from"] == f"neuron {link.source}"
    assert facts["route"] == " → ".join(str(cell) for cell in link.path)
    assert facts["routing tiles crossed"] == str(link.hops)


def test_a_neuron_leads_to_its_links_and_a_lane_to_those_through_it(played: Any) -> None:
    view = played.views[-1]
    link = next(link for link in view.links if link.kind == "routed")
    one = details(view, Selection("neuron", link.source))
    assert one is not None
    assert Selection("link", link.link) in one.tables[0].leads
    assert lit(view, Selection("neuron", link.source)) == {
        other.link for other in view.links if other.kind != "input" and other.source == link.source
    }
    row, col = link.path[0]
    lane = Selection("cell", row * 5 + col)
    found = details(view, lane)
    assert found is not None
    sides, through = found.tables
    assert Selection("link", link.link) in through.leads
    assert set(lit(view, lane)) == {lead.number for lead in through.leads if lead}
    cell = next(cell for cell in view.cells if (cell.row, cell.col) == (row, col))
    assert [row[2] for row in sides.rows] == [str(side.used) for side in cell.sides if side.capacity]


def test_a_tile_lights_what_enters_and_what_leaves_it(played: Any) -> None:
    view = played.views[-1]
    here = {neuron.neuron for neuron in view.tiles[0].neurons}
    wanted = {
        link.link for link in view.links if link.target_tile == 0 or (link.kind != "input" and link.source in here)
    }
    assert lit(view, Selection("tile", 0)) == wanted
    assert lit(view, None) == frozenset()


def test_what_is_not_there_yet(played: Any) -> None:
    first, last = played.views[0], played.views[-1]
    late = max(neuron.neuron for tile in last.tiles for neuron in tile.neurons)
    assert details(last, Selection("neuron", late)) is not None
    assert details(first, Selection("neuron", late)) is None
    assert details(last, Selection("tile", 99)) is None
    assert lit(first, Selection("neuron", late)) == frozenset()


def test_numbers_to_read() -> None:
    assert [coins(2e-4), coins(0.0), coins(None), coins(math.nan)] == ["0.0002", "0", "full", "-"]


def test_bids_are_ranked(played: Any) -> None:
    row = dict(played.views[-1].bids[0])
    results = ((False, math.nan), (False, -2.0), (True, 1.0), (True, 3.0), (False, 5.0))
    bids = [
        {**row, "candidate": number, "won": won, "surplus": surplus, "tile": number % 4}
        for number, (won, surplus) in enumerate(results)
    ]
    table = bids_table(replace(played.views[-1], bids=tuple(bids), bids_round=4))
    assert [values[0] for values in table.rows] == ["3", "2", "4", "1", "0"]
    assert table.marked == {0, 1}
    assert table.leads[0] == Selection("tile", 3)
    assert "in round 4;" in table.title
    many = bids_table(replace(played.views[-1], bids=tuple(bids) * 50))
    assert len(many.rows) == MOST_BIDS
    assert "the best 200 of 250" in many.title


def test_before_the_first_auction(played: Any) -> None:
    table = bids_table(replace(played.views[0], bids=(), bids_round=-1))
    assert table.rows == ()
