from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from smalti.agents.tile import TileAgent
from smalti.analysis.dashboard.view import INPUT, Books, view_of
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.ledger import Ledger
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.records import rows as tables


def test_a_view_agrees_with_the_chip(played: Any) -> None:
    view, simulation = played.views[-1], played.simulation
    state, links, fabric = simulation.network.state, simulation.network.links, simulation.fabric
    alive = {neuron.slot for tile in view.tiles for neuron in tile.neurons}
    assert alive == set(np.flatnonzero(state.alive.numpy()))
    assert [tile.rows_used for tile in view.tiles] == (state.source >= 0).sum(1).tolist()
    assert all(tile.rows == state.source.shape[1] for tile in view.tiles)
    assert len(view.links) == len(links.rows)
    assert {(link.target_tile, link.row, link.hops) for link in view.links} == {
        (tile, row, links.paths[source, tile].hops) for (source, tile), row in links.rows.items()
    }
    used = [side.used for cell in view.cells for side in cell.sides]
    assert used == links.ledger.used.tolist()
    assert [side.capacity for cell in view.cells for side in cell.sides] == fabric.capacity.tolist()
    assert [cell.kind for cell in view.cells] == [fabric.kind(cell) for cell in range(fabric.cells)]


def test_prices_are_those_that_the_auction_asks(played: Any) -> None:
    view, simulation = played.views[-1], played.simulation
    prices = simulation.grower.prices
    free = {agent.tile: len(agent.free_slots) for agent in simulation.agents_by_type[TileAgent]}
    for tile in view.tiles:
        assert tile.price == (pytest.approx(prices.slot(free[tile.tile], tile.tile)) if free[tile.tile] else None)
    ledger, base, full = simulation.network.links.ledger, prices.options.wire_price, 0
    for port, side in enumerate(side for cell in view.cells for side in cell.sides):
        if ledger.free(port):
            assert side.price == pytest.approx(base * side.capacity / ledger.free(port))
        else:
            full += 1
            assert side.price is None
    assert full > 0


def test_a_link_knows_where_its_source_is(played: Any) -> None:
    view = played.views[-1]
    home = {neuron.neuron: neuron for tile in view.tiles for neuron in tile.neurons}
    assert {link.kind for link in view.links} == {"input", "local", "routed"}
    for link in view.links:
        if link.kind == "input":
            assert (link.task, link.slot) == (INPUT, -1)
        else:
            assert (link.task, link.slot) == (home[link.source].task, home[link.source].slot)


def test_births_and_retirements_count_from_their_round_on() -> None:
    fabric = Fabric(FabricOptions(rows=1, cols=1, neurons_per_tile=4, wires=2, corner_wires=1))
    ports = tables.port_rows(0, Ledger(fabric))
    facts = {"tile": 0, "kind": "hidden", "task": 0, "rule": "random"}
    neurons = [
        {"neuron": 0, "slot": 0, "birth_round": 0, "retired_round": None, **facts},
        {"neuron": 1, "slot": 1, "birth_round": 1, "retired_round": 3, **facts},
    ]
    link = {"source": 1, "kind": "local", "target_tile": 0, "row": 1, "side": "local", "hops": 0, "path": []}
    links = [{**link, "birth_round": 2, "retired_round": 3}]
    books = Books(rounds=(), neurons=neurons, links=links, ports=ports, bids=())
    views = [view_of(Config(), fabric, books, number, 5) for number in range(4)]
    assert [[n.neuron for n in view.tiles[0].neurons] for view in views] == [[0], [0, 1], [0, 1], [0]]
    assert [len(view.links) for view in views] == [0, 0, 1, 0]
    assert [view.tiles[0].rows_used for view in views] == [0, 0, 1, 0]
    price = Config().auction.slot_price
    assert [view.tiles[0].price for view in views] == pytest.approx(
        [price * 4 / 3, price * 2, price * 2, price * 4 / 3]
    )


def test_broken_places_are_told() -> None:
    options = FabricOptions(rows=2, cols=2, dead_tiles=((1, 1),), dead_routers=((2, 2),))
    fabric = Fabric(options)
    ports = tables.port_rows(0, Ledger(fabric))
    view = view_of(Config(fabric=options), fabric, Books(rounds=(), neurons=(), links=(), ports=ports, bids=()), -1, 3)
    assert [tile.dead for tile in view.tiles] == [False, False, False, True]
    assert view.tiles[3].price is None
    broken = {(cell.row, cell.col) for cell in view.cells if cell.broken and cell.kind != "tile"}
    assert (2, 2) in broken
    assert (view.round, view.total, view.task, view.bids_round) == (-1, 3, -1, -1)


def test_curves_show_every_round_and_where_experiences_begin(played: Any) -> None:
    curves = played.views[-1].curves
    assert curves.rounds == tuple(range(6))
    assert curves.borders == (3,)
    assert all(len(values) == 6 for values in curves.columns.values())
    assert curves.columns["neurons"][-1] == sum(n.kind == "hidden" for t in played.views[-1].tiles for n in t.neurons)
