from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from smalti.agents.auction.bids import Bid
from smalti.agents.auction.prices import NEWBORN, AuctionOptions, Prices, Quote
from smalti.model.chip.fabric import EAST, IN, NORTH, OUT, SOUTH, WEST, Fabric, FabricOptions
from smalti.model.chip.faults import FaultMap
from smalti.model.chip.links import Links, Offer, Refusal
from smalti.scheduler.records.rows import port_rows

SLOT, ROW, WIRE = 3.0, 0.5, 0.125
OPTIONS = AuctionOptions(slot_price=SLOT, row_price=ROW, wire_price=WIRE)


def bid(tile: int, **more: Any) -> Bid:
    rest: dict[str, Any] = {"candidate": 0, "task": 0, "rule": "random", "taps": (), "targets": (), "wishes": ()}
    return Bid(tile=tile, value=1.0, **(rest | more))


def market(rows: int = 2, cols: int = 2, slots: int = 8, wires: int = 4, **more: Any) -> tuple[Prices, Links]:
    links = Links(Fabric(FabricOptions(rows=rows, cols=cols, neurons_per_tile=slots, wires=wires, **more)), 0)
    return Prices(OPTIONS, links), links


def quote(prices: Prices, one: Bid, free: int = 8) -> Quote:
    answer = prices.quote(one, free)
    assert isinstance(answer, Quote), answer
    return answer


@pytest.mark.parametrize(("free", "price"), [(8, 3.0), (4, 6.0), (1, 24.0)])
def test_a_slot_costs_base_times_capacity_over_free(free: int, price: float) -> None:
    prices, _ = market()
    assert prices.slot(free, 0) == price
    assert quote(prices, bid(0), free) == Quote((), SLOT, price)


@pytest.mark.parametrize("known", [True, False])
def test_what_is_known_to_be_dead_is_no_scarcer_for_it(known: bool) -> None:
    """Four of eight slots of tile 0 and one of four wires on its way: free ones cost the base price while none is used.

    Prices may be older than the faults.
    """
    prices, links = market()
    way = links.ways(0, 1)[0]
    slots = np.arange(32) < 4
    rows = np.zeros(links.source.shape, dtype=np.bool_)
    dead = FaultMap(rows=rows, slots=slots, tiles=(), wires={way.ports[1]: frozenset({0})})
    links.strike(dead, known)
    assert prices.slot(4, 0) == (SLOT if known else 2 * SLOT)
    assert prices.slot(4, 1) == 2 * SLOT
    offer = links.offer(0, 1)
    assert isinstance(offer, Offer)
    assert prices.link(offer) == (ROW + WIRE * len(way.ports),) * 2
    assert Prices(OPTIONS, links.copy()).link(offer) == prices.link(offer)
    columns = port_rows(0, links.ledger)
    assert columns["capacity"][way.ports[1]] == (3 if known else 4)
    assert columns["capacity"].sum() == links.fabric.capacity.sum() - known


def test_exponential_prices_rise_from_base_to_dearest_times_base() -> None:
    options = AuctionOptions(scarcity="exponential", dearest=100.0)
    asked = [options.asked(SLOT, 1000, free) for free in range(1000, 0, -1)]
    assert asked == sorted(asked)
    level = 1 / (1 + math.log(100))  # of use from which on they rise
    assert sum(price == SLOT for price in asked) == math.floor(1000 * level) + 1
    assert asked[500] == pytest.approx(SLOT / math.e * (100 * math.e) ** 0.5)
    assert options.asked(SLOT, 10**9, 1) == pytest.approx(100 * SLOT)


def test_whoever_buys_at_exponential_prices_gets_the_promised_share_whatever_comes() -> None:
    ratio, units = 50.0, 2000
    options = AuctionOptions(scarcity="exponential", dearest=ratio)
    chance = np.random.default_rng(0)
    for values in (
        np.concatenate([np.linspace(1, k, 20).repeat(units) for k in (2, 10, ratio)]),  # ever dearer: the worst kind
        np.full(units, 1.0),
        chance.uniform(1, ratio, 3 * units),
        np.sort(chance.uniform(1, ratio, 3 * units)),
    ):
        bought: list[float] = []
        for value in values:
            if len(bought) < units and value >= options.asked(1.0, units, units - len(bought)):
                bought.append(value)
        best = np.sort(values)[::-1][:units].sum()
        assert sum(bought) >= best / (1 + math.log(ratio)) * 0.995  # units are not infinitely small


def test_flat_prices_do_not_rise() -> None:
    assert AuctionOptions(scarcity="none").asked(SLOT, 8, 1) == SLOT


def test_a_last_unit_cannot_be_cheaper() -> None:
    with pytest.raises(ValueError, match=r"auction\.dearest = 0\.5 would make scarce units cheaper"):
        AuctionOptions(dearest=0.5)


def test_a_straight_link_is_four_wires_and_a_row_and_dearer_where_wires_are_taken() -> None:
    prices, links = market()
    assert quote(prices, bid(0, targets=(1,))).cost == SLOT + ROW + 4 * WIRE
    assert quote(prices, bid(0, targets=(1,))).price == SLOT + ROW + 4 * WIRE
    for slot in (0, 1):
        links.add_local(slot)
        links.add(slot, 1)
    scarce = quote(prices, bid(0, targets=(1,)))
    assert scarce.cost == SLOT + ROW + 4 * WIRE
    assert scarce.price == SLOT + ROW + 4 * WIRE * 4 / 2


def test_links_of_one_source_pay_a_shared_wire_once() -> None:
    """2 -> 0 goes north, 2 -> 1 north too, then east: both leave tile 2 by the north side."""
    prices, links = market()
    both = quote(prices, bid(2, targets=(0, 1)))
    ports = [port for offer in both.offers for port in offer.path.ports]
    assert len(set(ports)) < len(ports)
    assert both.cost == SLOT + 2 * ROW + len(set(ports)) * WIRE

    slot = 2 * links.fabric.slots
    links.add_local(slot)
    links.add(slot, 0)
    tap = quote(prices, bid(1, taps=(slot,)))
    assert tap.cost == SLOT + ROW + (len(set(ports)) - len(both.offers[0].path.ports)) * WIRE


def test_a_row_that_is_there_is_free() -> None:
    prices, links = market()
    links.add_local(0)
    links.add(0, 1)
    assert quote(prices, bid(1, taps=(0,))) == Quote((), SLOT, SLOT)


def test_offers_come_in_the_order_taps_targets_wishes() -> None:
    prices, links = market()
    links.add_local(0)
    offers = quote(prices, bid(1, taps=(0,), targets=(3,), wishes=(2,))).offers
    assert [(o.source, o.tile) for o in offers] == [(0, 1), (NEWBORN, 3), (NEWBORN, 2)]


def test_all_offers_of_a_quote_fit_together() -> None:
    """One wire a side: of two taps from tile 0 only one goes straight, the other around; a third has no way."""
    prices, links = market(rows=1, wires=1, corner_wires=1)
    for slot in (0, 1, 2, 3):
        links.add_local(slot)
    offers = quote(prices, bid(1, taps=(0, 1, 2))).offers
    assert [o.path.hops for o in offers] == [1, 3, 3]
    for offer in offers:
        links.lay(offer)
    assert (links.ledger.used <= links.fabric.capacity).all()

    prices, links = market(rows=1, wires=1, corner_wires=1)
    refusal = prices.quote(bid(1, taps=(0, 1, 2, 3)), 8)
    side = links.fabric.describe_port(links.fabric.port(links.fabric.cell_of_tile(0), EAST, OUT))
    assert refusal == Refusal(3, 1, f"{side} has no room for all links of the bid")


def test_a_wish_without_room_is_left_out_and_costs_nothing() -> None:
    prices, links = market(rows=1, cols=3, wires=1, corner_wires=0)
    links.add_local(8)
    links.add(8, 2)
    assert isinstance(links.offer(NEWBORN, 2, 1), Refusal)
    assert quote(prices, bid(1, wishes=(2, 0))).cost == SLOT + ROW + 4 * WIRE
    refusal = prices.quote(bid(1, targets=(2,)), 8)
    assert isinstance(refusal, Refusal)
    assert "is full" in refusal.reason


def test_a_given_way_is_taken_and_none_that_is_full() -> None:
    prices, links = market(rows=1, wires=1, corner_wires=1)
    for way in links.ways(0, 1):
        answer = prices.quote(bid(0, targets=(1,)), 8, {(NEWBORN, 1): way})
        assert isinstance(answer, Quote)
        assert answer.offers == (Offer(NEWBORN, 1, way, way.ports),)
        assert answer.cost == SLOT + ROW + len(way.ports) * WIRE
    links.add_local(0)
    links.add(0, 1)
    assert isinstance(prices.quote(bid(0, targets=(1,)), 8), Quote)
    assert isinstance(prices.quote(bid(0, targets=(1,)), 8, {(NEWBORN, 1): links.ways(0, 1)[0]}), Refusal)


def test_no_slot_no_quote_and_asking_changes_nothing() -> None:
    prices, links = market()
    before = links.version, links.ledger.used.copy()
    assert prices.quote(bid(3, targets=(0,)), 0) == Refusal(NEWBORN, 3, "tile (1, 1) has no free slot")
    quote(prices, bid(3, targets=(0, 1), wishes=(2,)))
    assert links.version == before[0]
    assert (links.ledger.used == before[1]).all()


def test_ports_that_are_paid_already_are_not_charged_again() -> None:
    prices, links = market()
    offer = links.offer(NEWBORN, 1, 0)
    assert isinstance(offer, Offer)
    fabric = links.fabric
    middle = (fabric.cell_of_tile(0) + fabric.cell_of_tile(1)) // 2
    straight = {
        fabric.port(fabric.cell_of_tile(0), EAST, OUT),
        fabric.port(middle, WEST, IN),
        fabric.port(middle, EAST, OUT),
        fabric.port(fabric.cell_of_tile(1), WEST, IN),
    }
    assert set(offer.new_ports) == straight
    elsewhere = {fabric.port(middle, NORTH, IN), fabric.port(middle, SOUTH, IN)}
    for known, charged in ((set(), 4), (straight, 0), ({offer.new_ports[0]}, 3), (elsewhere, 4)):
        assert prices.link(offer, known)[0] == ROW + charged * WIRE


@pytest.mark.parametrize("field", ["slot_price", "row_price", "wire_price"])
@pytest.mark.parametrize("value", [-1e-9, float("nan"), float("inf")])
def test_prices_are_numbers_of_nats(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"auction\.{field} = .* 0 or more"):
        AuctionOptions(**{field: value})  # type: ignore[arg-type]


def test_the_method_is_one_of_two() -> None:
    with pytest.raises(ValueError, match=r"auction\.method = 'vickrey' is unknown; allowed: sequential, optimal"):
        AuctionOptions(method="vickrey")  # type: ignore[arg-type]
