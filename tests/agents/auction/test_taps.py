"""The auction of a read-out: values, wires, spikes, and who wins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from smalti.agents.auction.prices import AuctionOptions, Prices
from smalti.agents.auction.taps import TAP, Listening, clear_taps
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import Links
from smalti.model.growth.regression import Regression

SOURCES = (0, 1, 6, 12)  # two neurons of tile 0, one of tile 1 and one of tile 2
FREE = AuctionOptions(row_price=0, wire_price=0, spike_price=0)


@pytest.fixture
def links() -> Links:
    links = Links(Fabric(FabricOptions(rows=1, cols=3, neurons_per_tile=6, wires=6, corner_wires=2)), 3)
    for slot in SOURCES:
        links.add_local(slot)
    return links


def listening(gains: tuple[float, ...] = (4.0, 1.0, 3.0, 2.0), **changes: Any) -> Listening:
    """Neurons that say different things, each worth its gain."""
    moment = torch.tensor(gains, dtype=torch.float64).sqrt()[:, None]
    given = {
        "tile": 0,
        "task": 5,
        "sources": SOURCES,
        "regression": Regression(torch.eye(4, dtype=torch.float64), moment, 10.0),
        "worth": 1.0,
        "upstream": torch.eye(18, dtype=torch.bool)[list(SOURCES)],
        "spikes": torch.full((18,), 5.0),
        "running": torch.zeros(18, dtype=torch.bool),
    }
    return Listening(**{**given, **changes})  # type: ignore[arg-type]


def test_the_largest_surplus_wins_first_and_links_are_laid_where_they_are_needed(links: Links) -> None:
    taps = clear_taps(listening(), Prices(FREE, links), most=3, number=7)
    assert taps.places == (0, 2, 3)
    assert taps.surplus == pytest.approx(9.0)
    assert taps.weights.flatten().tolist() == pytest.approx([2.0, 3**0.5, 2**0.5])
    assert {(6, 0), (12, 0)} <= set(links.rows)
    assert [outcome.won for outcome in taps.outcomes] == [True, False, True, True]
    assert [outcome.bid.candidate for outcome in taps.outcomes] == [7, 8, 9, 10]
    assert {(outcome.bid.rule, outcome.bid.neurons, outcome.slot) for outcome in taps.outcomes} == {(TAP, 0, -1)}
    assert "as many sources as it may" in taps.outcomes[1].reason


def test_wires_are_paid_for_and_what_the_tile_hears_is_free(links: Links) -> None:
    prices = Prices(AuctionOptions(row_price=2.5, wire_price=0, spike_price=0), links)
    taps = clear_taps(listening(), prices, most=4, number=0)
    assert taps.places == (0, 1, 2)  # of tile 0 by value 4 and 1; of tile 1 with 3 - 2.5; 2 - 2.5 is too dear
    assert [outcome.price for outcome in taps.outcomes] == [0, 0, 2.5, 2.5]
    assert "above its value" in taps.outcomes[3].reason


def test_whoever_must_run_is_paid_for_once(links: Links) -> None:
    """Neurons 1 and 6 need a third one to run; who comes second does not pay for that again."""
    upstream = torch.eye(18, dtype=torch.bool)[list(SOURCES)]
    upstream[1, 17] = upstream[2, 17] = True
    prices = Prices(AuctionOptions(row_price=0, wire_price=0, spike_price=0.3), links)
    taps = clear_taps(listening((4.0, 2.0, 3.2, 1.0), upstream=upstream), prices, most=4, number=0)
    assert taps.places == (0, 2, 1)  # 1.0 < 5 x .3 for the last
    assert [taps.outcomes[place].price for place in taps.places] == pytest.approx([1.5, 3.0, 1.5])


def test_whoever_runs_in_any_case_is_not_paid_for(links: Links) -> None:
    prices = Prices(AuctionOptions(row_price=0, wire_price=0, spike_price=0.3), links)
    running = torch.zeros(18, dtype=torch.bool)
    running[12] = True
    taps = clear_taps(listening(running=running), prices, most=4, number=0)
    assert taps.places == (0, 3, 2)  # 4 - 1.5, 2 - 0 and 3 - 1.5; 1 < 1.5 for neuron 1
    assert [outcome.price for outcome in taps.outcomes] == pytest.approx([1.5, 1.5, 1.5, 0.0])


def test_a_full_side_refuses_and_the_next_one_wins(links: Links) -> None:
    stranger = 1000
    for port in {p for way in links.ways(1, 0) for p in way.ports}:
        while links.ledger.free(port):
            links.ledger.reserve(stranger := stranger + 1, [port])
    taps = clear_taps(listening(), Prices(FREE, links), most=4, number=0)
    assert 2 not in taps.places
    assert "is full" in taps.outcomes[2].reason


def test_drawn_taps_ask_for_no_value(links: Links) -> None:
    drawn = {
        clear_taps(listening(), Prices(FREE, links.copy()), 1, 0, np.random.default_rng(seed)).places
        for seed in range(20)
    }
    assert drawn == {(0,), (1,), (2,), (3,)}


def test_inputs_that_enter_the_tile_are_heard_for_nothing_and_others_are_not(links: Links) -> None:
    """The first of three channels enters tile 0, the last one does not."""
    neurons = links.fabric.neurons
    known = listening(sources=(0, 1, neurons, neurons + 2), upstream=torch.zeros(4, 18, dtype=torch.bool))
    taps = clear_taps(known, Prices(AuctionOptions(row_price=9, wire_price=9, spike_price=9), links), most=4, number=0)
    assert taps.places == (0, 2, 1)
    assert [outcome.price for outcome in taps.outcomes[:3]] == [0, 0, 0]
    assert "does not enter" in taps.outcomes[3].reason


def test_shuffled_values_are_those_of_others_and_prices_stay(links: Links) -> None:
    """Whoever wins first has the largest value, drawn: the link of neuron 12 is too dear whatever that is."""
    prices = AuctionOptions(row_price=0, wire_price=0, spike_price=0.3)
    upstream = torch.eye(18, dtype=torch.bool)[list(SOURCES)]
    upstream[3, 13:18] = True
    firsts = set()
    for seed in range(30):
        books = Prices(prices, links.copy())
        taps = clear_taps(listening(upstream=upstream), books, 1, 0, shuffle=np.random.default_rng(seed))
        firsts |= {*taps.places}
        assert taps.outcomes[taps.places[0]].bid.value in (4.0, 3.0, 2.0)
        assert torch.equal(taps.weights, listening().regression.moment[list(taps.places)])
    assert firsts == {0, 1, 2}
