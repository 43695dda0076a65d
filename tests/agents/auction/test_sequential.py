from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smalti.agents.auction.bids import Bid, with_shuffled_values
from smalti.agents.auction.prices import NEWBORN, AuctionOptions, Prices, Quote
from smalti.agents.auction.sequential import clear
from smalti.model.chip.fabric import EAST, OUT, Fabric, FabricOptions
from smalti.model.chip.links import FREE, Links
from smalti.model.chip.routes import Path

MakeMarket = Callable[..., Any]
SEEDS = st.integers(0, 2**32 - 1)


def bid(tile: int, value: float, **more: Any) -> Bid:
    rest: dict[str, Any] = {
        "candidate": 0,
        "task": 0,
        "rule": "random",
        "taps": (),
        "targets": (),
        "wishes": (),
    }
    return Bid(tile=tile, value=value, **(rest | more))


COSTS = AuctionOptions(slot_price=1e-3, row_price=1e-4, wire_price=5e-5)


def chip(**options: Any) -> Links:
    return Links(Fabric(FabricOptions(**options)), 0)


def free_slots(links: Links, taken: tuple[int, ...] = ()) -> dict[int, list[int]]:
    n = links.fabric.slots
    return {t: [s for s in range(t * n, t * n + n) if s not in taken] for t in links.fabric.live_tiles}


def renewing_everything(market: Any, births: int) -> list[tuple[int, float, float]]:
    """The plain definition: quote all bids at every turn, award the best, repeat. (position, cost, price) in order."""
    prices, links = market.prices, market.links
    left = {tile: list(slots) for tile, slots in market.free.items()}
    winners: list[tuple[int, float, float]] = []
    while len(winners) < births:
        best: tuple[float, int, Quote] | None = None
        for position, one in enumerate(market.bids):
            quote = prices.quote(one, len(left[one.tile]))
            if position in [w[0] for w in winners] or not isinstance(quote, Quote):
                continue
            if one.value - quote.price > (best[0] if best else 0.0):
                best = (one.value - quote.price, position, quote)
        if best is None:
            break
        slot = left[market.bids[best[1]].tile].pop(0)
        links.add_local(slot)
        for offer in best[2].offers:
            links.lay(replace(offer, source=slot) if offer.source == NEWBORN else offer)
        winners.append((best[1], best[2].cost, best[2].price))
    return winners


def order_of_births(market: Any) -> list[int]:
    """Slots born in this auction, first to last: rows remember the order in which they were filled."""
    given_out = {slot for slots in market.free.values() for slot in slots}
    tile_of = market.links.fabric.tile_of_slot
    return [source for source, tile in market.links.rows if source in given_out and tile_of(source) == tile]


@settings(max_examples=300)
@given(
    seed=SEEDS,
    bids=st.integers(0, 25),
    births=st.sampled_from([0, 1, 5, 100]),
    wires=st.integers(1, 4),
    slots=st.integers(2, 8),
    rows=st.integers(1, 2),
)
def test_the_lazy_queue_is_the_plain_definition(
    random_market: MakeMarket, seed: int, bids: int, births: int, wires: int, slots: int, rows: int
) -> None:
    size = {"bids": bids, "wires": wires, "slots": slots, "rows": rows}
    expected_market = random_market(seed, **size)
    expected = renewing_everything(expected_market, births)
    market = random_market(seed, **size)
    outcomes = clear(market.bids, market.free, market.prices, births)
    by_slot = {o.slot: (position, o.cost, o.price) for position, o in enumerate(outcomes) if o.won}
    assert [by_slot[slot] for slot in order_of_births(market)] == expected
    assert len(by_slot) == len(expected)
    assert market.links.paths == expected_market.links.paths


@settings(max_examples=200)
@given(
    seed=SEEDS,
    bids=st.integers(1, 20),
    births=st.sampled_from([0, 2, 100]),
    wires=st.integers(1, 3),
    method=st.sampled_from(["sequential", "optimal"]),
)
def test_limits_hold_and_every_bid_has_its_outcome(
    random_market: MakeMarket, seed: int, bids: int, births: int, wires: int, method: str
) -> None:
    market = random_market(seed, bids=bids, wires=wires, method=method)
    links, ledger = market.links, market.links.ledger
    before, wires_before = dict(links.paths), int(ledger.used.sum())
    outcomes = clear(market.bids, market.free, market.prices, births)
    winners = [o for o in outcomes if o.won]

    assert [o.bid for o in outcomes] == market.bids
    assert all(o.reason and (o.slot >= 0) == o.won and (o.reason == "won") == o.won for o in outcomes)
    assert len(winners) <= births
    slots = [o.slot for o in winners]
    assert len(set(slots)) == len(slots)
    assert all(o.slot in market.free[o.bid.tile] for o in winners)

    assert (ledger.used == wires_of(links.paths, len(ledger.used))).all()
    assert (ledger.used <= links.fabric.capacity).all()
    rows = {(int(s), t, r) for t, row in enumerate(links.source) for r, s in enumerate(row) if s != FREE}
    assert rows == {(s, t, r) for (s, t), r in links.rows.items()}

    wanted: set[tuple[int, int]] = set()
    possible: set[tuple[int, int]] = set()
    for o in winners:
        wanted |= {(o.slot, t) for t in (o.bid.tile, *o.bid.targets)} | {(s, o.bid.tile) for s in o.bid.taps}
        possible |= {(o.slot, t) for t in o.bid.wishes}
    assert before.items() <= links.paths.items()
    assert wanted <= links.paths.keys()
    assert links.paths.keys() <= before.keys() | wanted | possible

    options = market.prices.options
    routed = sum(1 for key, path in links.paths.items() if key not in before and path.cells)
    paid = options.slot_price * len(winners) + options.row_price * routed
    paid += options.wire_price * (int(ledger.used.sum()) - wires_before)
    assert sum(o.cost for o in winners) == pytest.approx(paid, abs=1e-12)
    assert all(o.price >= o.cost - 1e-12 for o in winners)
    if method == "sequential":
        assert all(o.surplus > 0 for o in winners)


def wires_of(paths: dict[tuple[int, int], Path], ports: int) -> list[int]:
    """Wires on every port, counted anew from the paths."""
    sources: dict[int, set[int]] = defaultdict(set)
    for (source, _), path in paths.items():
        for port in path.ports:
            sources[port].add(source)
    return [len(sources[port]) for port in range(ports)]


def test_markets_of_these_tests_are_scarce_and_prices_fall_in_them(random_market: MakeMarket) -> None:
    reasons: list[str] = []
    cheaper = 0
    for seed in range(60):
        market = random_market(seed, bids=25)
        first = [market.prices.quote(b, len(market.free[b.tile])) for b in market.bids]
        outcomes = clear(market.bids, market.free, market.prices, 8)
        reasons += [o.reason for o in outcomes]
        cheaper += sum(
            1 for o, q in zip(outcomes, first, strict=True) if isinstance(q, Quote) and o.won and o.price < q.price
        )
    for part in ("won", "price is above", "no free slot", "is full", "8 births"):
        assert sum(part in reason for reason in reasons) >= 10, part
    assert cheaper >= 10


def test_a_tap_that_a_winner_bought_makes_its_neighbour_cheaper() -> None:
    """Tiles 0 and 1 side by side; the link into tile 1 costs 1 for its row.

    Surpluses at first: a 3, b 2 - 1, c 1.5 - 0. Once a has bought the tap, b is worth 2 and goes before c.
    """
    links = chip(rows=1, cols=3, neurons_per_tile=4, wires=4)
    links.add_local(0)
    prices = Prices(AuctionOptions(slot_price=0.0, row_price=1.0, wire_price=0.0), links)
    bids = [bid(2, 1.5), bid(1, 2.0, taps=(0,)), bid(1, 4.0, taps=(0,))]
    outcomes = clear(bids, free_slots(links, (0,)), prices, 2)
    assert [o.won for o in outcomes] == [False, True, True]
    assert [o.cost for o in outcomes] == [0.0, 0.0, 1.0]
    assert outcomes[0].reason == "the 2 births of the round went to larger surpluses"


def test_a_bid_too_poor_for_a_tap_wins_when_another_pays_it() -> None:
    links = chip(rows=1, cols=2, neurons_per_tile=4, wires=4)
    links.add_local(0)
    prices = Prices(AuctionOptions(slot_price=0.0, row_price=1.0, wire_price=0.0), links)
    poor, rich = bid(1, 0.5, taps=(0,)), bid(1, 4.0, taps=(0,))
    assert [o.won for o in clear([poor], free_slots(links, (0,)), prices, 9)] == [False]
    assert [o.won for o in clear([poor, rich], free_slots(links, (0,)), prices, 9)] == [True, True]


def test_a_bid_that_is_driven_to_a_cheaper_way_is_seen_at_once() -> None:
    """Tiles 0 1 over 2 3, four wires a side, one nat a wire. Tile 3 drives tile 1 by three wires, two go on to 0.

    The bid of 30 taps slot 11 in tile 1 (straight: 1 + 1 + 2 + 2) and slot 27 in tile 3 (by the north, over the
    same last two sides: 4 + 4 + 4 x 2 + 2 + 2): 26 in all. The first winner takes the third wire into tile 0 from
    the east. Now slot 27 has to go by the west (8 x 1) and slot 11 pays 4/3 + 4/3 + 4 + 4: 18.67 in all, and a
    surplus of 4 has become one of 11.33, which beats the rival's 10.
    """
    links = chip(rows=2, cols=2, neurons_per_tile=8, wires=4, corner_wires=4)
    here = (11, 12, 24, 25, 26, 27)
    for slot in here:
        links.add_local(slot)
    for slot, tile in ((24, 1), (25, 1), (26, 1), (24, 0), (25, 0)):
        links.add(slot, tile)
    prices = Prices(AuctionOptions(slot_price=0.0, row_price=0.0, wire_price=1.0), links)
    bids = [bid(2, 10.0), bid(0, 30.0, taps=(11, 27)), bid(0, 50.0, taps=(12,))]
    before = prices.quote(bids[1], 8)
    assert isinstance(before, Quote)
    assert before.price == pytest.approx(26.0)
    outcomes = clear(bids, free_slots(links, here), prices, 2)
    assert [o.won for o in outcomes] == [False, True, True]
    assert outcomes[1].price == pytest.approx(18 + 2 / 3)


def test_every_reason_by_hand() -> None:
    links = chip(rows=1, cols=2, neurons_per_tile=4, wires=1, corner_wires=0)
    prices = Prices(COSTS, links)
    bids = [
        bid(0, 5.0, targets=(1,)),
        bid(0, 4.0, targets=(1,)),  # the only wire out of tile 0 is gone
        bid(0, 3.0),
        bid(0, 1e-6),
        bid(1, 2.0),  # the third best, and two are born
    ]
    outcomes = clear(bids, free_slots(links), prices, 2)
    side = links.fabric.describe_port(links.fabric.port(links.fabric.cell_of_tile(0), EAST, OUT))
    assert [o.reason for o in outcomes] == [
        "won",
        f"{side} is full",
        "won",
        "the price is above its value",
        "the 2 births of the round went to larger surpluses",
    ]
    assert [o.slot for o in outcomes] == [0, -1, 1, -1, -1]
    assert math.isnan(outcomes[1].cost)
    assert math.isnan(outcomes[1].price)
    assert outcomes[3].price == pytest.approx(2e-3)  # at the close half of the four slots are left

    full = clear([bid(0, 5.0)], {0: [], 1: []}, prices, 1)
    assert full[0].reason == "tile (0, 0) has no free slot"


def test_ties_go_to_the_earlier_bid_and_slots_from_the_front() -> None:
    links = chip(rows=1, cols=2, neurons_per_tile=4, wires=2)
    prices = Prices(COSTS, links)
    outcomes = clear([bid(0, 1.0), bid(1, 1.0), bid(0, 1.0)], {0: [3, 1], 1: [4]}, prices, 2)
    assert [o.slot for o in outcomes] == [3, 4, -1]


@pytest.mark.parametrize("method", ["sequential", "optimal"])
def test_a_full_wish_is_done_without(method: Any) -> None:
    links = chip(rows=1, cols=3, neurons_per_tile=4, wires=1, corner_wires=0)
    prices = Prices(replace(COSTS, method=method), links)
    bids = [bid(1, 2.0, targets=(0,), wishes=(2,)), bid(1, 1.0, wishes=(2,)), bid(1, 1.0, wishes=(0, 2))]
    outcomes = clear(bids, free_slots(links), prices, 9)
    assert [o.won for o in outcomes] == [True, True, True]
    assert set(links.rows) == {(4, 1), (5, 1), (6, 1), (4, 0), (4, 2)}
    assert outcomes[0].cost == pytest.approx(1e-3 + 2 * (1e-4 + 4 * 5e-5))
    assert outcomes[1].cost == outcomes[2].cost == 1e-3


def test_the_best_set_keeps_wires_for_needs_before_it_serves_wishes() -> None:
    links = chip(rows=1, cols=2, neurons_per_tile=4, wires=1, corner_wires=0)
    bids = [bid(0, 2.0, wishes=(1,)), bid(0, 1.0, targets=(1,))]
    outcomes = clear(bids, free_slots(links), Prices(replace(COSTS, method="optimal"), links), 9)
    assert [o.won for o in outcomes] == [True, True]
    assert (1, 1) in links.rows
    assert (0, 1) not in links.rows


def test_a_pair_takes_two_slots_and_two_births_and_its_links_twice() -> None:
    def market() -> tuple[Links, Prices]:
        links = chip(rows=1, cols=2, neurons_per_tile=4, wires=4)
        return links, Prices(AuctionOptions(slot_price=1.0, row_price=0.5, wire_price=0.25), links)

    pair, single = bid(0, 99.0, targets=(1,), neurons=2), bid(0, 98.0, targets=(1,))
    links, prices = market()
    (one,) = clear([pair], free_slots(links), prices, 2)
    assert (one.slot, one.twin) == (0, 1)
    assert set(links.rows) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    others, prices = market()
    outcomes = clear([single, single], free_slots(others), prices, 2)
    assert one.cost == sum(o.cost for o in outcomes)
    assert (links.ledger.used == others.ledger.used).all()
    links, prices = market()
    assert [o.won for o in clear([pair, single], free_slots(links), prices, 1)] == [False, True]
    links, prices = market()
    assert [o.won for o in clear([pair, single], free_slots(links), prices, 3)] == [True, True]
    links, prices = market()
    (refused,) = clear([pair], free_slots(links, (0, 1, 2)), prices, 2)
    assert refused.reason == "tile (0, 0) has 1 free slot for 2 neurons"
    with pytest.raises(ValueError, match="cannot place pairs of neurons: set it to sequential"):
        clear([pair], free_slots(links), Prices(AuctionOptions(method="optimal"), links), 2)


def test_shuffled_values_are_all_there_and_nothing_else_changes() -> None:
    bids = [bid(tile, float(tile), candidate=tile, targets=(tile + 1,)) for tile in range(20)]
    shuffled = with_shuffled_values(bids, np.random.default_rng(0))
    assert sorted(one.value for one in shuffled) == [one.value for one in bids]
    assert [replace(one, value=0.0) for one in shuffled] == [replace(one, value=0.0) for one in bids]
    assert [one.value for one in shuffled] != [one.value for one in bids]
