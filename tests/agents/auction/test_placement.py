from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smalti.agents.auction.bids import Bid, Outcome
from smalti.agents.auction.placement import PLACEMENTS, Site, check_placement, place
from smalti.agents.auction.prices import AuctionOptions, Prices
from smalti.agents.auction.sequential import clear
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import Links
from smalti.model.growth.options import GrowthOptions

MakeMarket = Callable[..., Any]
TILES = 6  # 0 1 2 over 3 4 5, outputs in tile 4


# Tiles 0 1 2 over 3 4 5; the outputs are in tile 4.
SITE = Site(
    Fabric(FabricOptions(rows=2, cols=3)),
    4,
    {0: [1, 2, 3], 1: [20], 2: [33, 34], 3: [50, 51], 4: [], 5: [80, 81, 82, 83]},
    Counter({0: 2, 1: 2, 4: 5}),
)


@pytest.mark.parametrize(
    ("name", "ranks"),
    [
        ("auction", [2.0, 2.0, 2.0, 2.0, 2.0, 2.0]),
        ("value", [5.0, 5.0, 5.0, 5.0, 5.0, 5.0]),
        ("uniform", [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        ("balanced", [-2.0, -2.0, 0.0, 0.0, -5.0, 0.0]),
        ("nearest", [-2.0, -1.0, -2.0, -1.0, 0.0, -1.0]),
        ("fullest", [-3.0, -1.0, -2.0, -2.0, 0.0, -4.0]),
    ],
)
def test_ranks_by_hand(name: str, ranks: list[float]) -> None:
    assert [PLACEMENTS[name](tile, 5.0, 3.0, SITE) for tile in range(6)] == ranks


def test_these_are_all_of_them() -> None:
    assert list(PLACEMENTS) == ["auction", "value", "uniform", "balanced", "nearest", "fullest"]


def bid(number: int, tile: int, value: float = 1.0, **more: Any) -> Bid:
    return Bid(number, tile, 0, "random", **{"taps": (), "targets": (), "wishes": (), **more}, value=value)


def settle(
    where: str, bids: Sequence[Bid], births: int, free: dict[int, int], own: dict[int, int] | None = None, seed: int = 0
) -> list[Outcome]:
    """Outcomes on a chip of 2 x 3 tiles with so many free slots; slots are dear."""
    fabric = Fabric(FabricOptions(rows=2, cols=3, neurons_per_tile=8, wires=8))
    slots = {tile: [tile * 8 + k for k in range(free.get(tile, 0))] for tile in range(TILES)}
    prices = Prices(AuctionOptions(slot_price=100.0), Links(fabric, 0))
    site = Site(fabric, 4, slots, Counter(own or {}))
    return place(bids, site, prices, births, PLACEMENTS[where], range(TILES), np.random.default_rng(seed))


def tiles_won(outcomes: Sequence[Outcome]) -> Counter[int]:
    return Counter(outcome.bid.tile for outcome in outcomes if outcome.won)


def test_uniform_places_are_uniform_over_tiles_however_many_candidates_they_send() -> None:
    """Tile t sends 3 + 2 t candidates, dearer ones in some; tile 5 has no room and is not drawn. Chi-squared, 4 dof."""
    bids = [bid(0, tile, value=0.1 * tile) for tile in range(TILES) for _ in range(3 + 2 * tile)]
    seeds, births = 2000, 3
    where = [tiles_won(settle("uniform", bids, births, dict.fromkeys(range(5), 8), seed=s)) for s in range(seeds)]
    assert all(won.total() == births for won in where)
    counts = sum(where, Counter[int]())
    expected = seeds * births / 5
    assert set(counts) == set(range(5))
    assert sum((counts[tile] - expected) ** 2 / expected for tile in range(5)) < 23.5  # 1e-4
    # drawn anew every time: as often twice in the same tile as chance has it
    same = sum(max(won.values()) > 1 for won in where) / seeds
    assert same == pytest.approx(1 - 4 / 5 * 3 / 5, abs=0.05)


def test_balanced_fills_up_the_tiles_with_fewest_neurons_and_draws_the_ties() -> None:
    bids = [bid(0, tile) for tile in range(TILES) for _ in range(2 if tile else 9)]
    own, free = {0: 1, 1: 1, 2: 3, 3: 3, 4: 0, 5: 3}, dict.fromkeys(range(TILES), 8)
    assert tiles_won(settle("balanced", bids, 1, free, own)) == {4: 1}
    assert tiles_won(settle("balanced", bids, 4, free, own)) == {4: 2, 0: 1, 1: 1}
    fourth = [tiles_won(settle("balanced", bids, 2, free, own, seed)) for seed in range(600)]
    drawn = Counter(tile for won in fourth for tile in (0, 1, 4) if won[tile] == (2 if tile == 4 else 1))
    assert set(drawn) == {0, 1, 4}
    assert all(count == pytest.approx(200, abs=50) for count in drawn.values())


def test_nearest_and_fullest_fill_a_tile_before_the_next() -> None:
    bids = [bid(0, tile) for tile in range(TILES) for _ in range(4)]
    free = {0: 3, 1: 1, 2: 4, 3: 1, 4: 2, 5: 1}
    assert tiles_won(settle("nearest", bids, 2, free)) == {4: 2}
    assert tiles_won(settle("nearest", bids, 5, free)) == {4: 2, 1: 1, 3: 1, 5: 1}
    assert tiles_won(settle("fullest", bids, 3, free)) == {1: 1, 3: 1, 5: 1}
    assert tiles_won(settle("fullest", bids, 7, free)) == {1: 1, 3: 1, 5: 1, 4: 2, 0: 2}


def test_value_takes_the_dearest_and_no_notice_of_prices() -> None:
    bids = [bid(k, k % TILES, value) for k, value in enumerate((1.0, 5.0, 2.0, 4.0, 3.0))]
    outcomes = settle("value", bids, 2, dict.fromkeys(range(TILES), 8))
    assert [o.won for o in outcomes] == [False, True, False, True, False]
    assert all(o.surplus < 0 for o in outcomes)
    assert outcomes[0].reason == "the 2 births of the round went to others"


def test_within_a_tile_the_larger_value_wins() -> None:
    bids = [bid(k, 0, value) for k, value in enumerate((1.0, 5.0, 2.0))]
    for where in ("uniform", "balanced", "nearest", "fullest"):
        assert [o.won for o in settle(where, bids, 2, {0: 8})] == [False, True, True]


def test_who_reaches_nobody_is_not_born_and_told_so() -> None:
    fabric = Fabric(FabricOptions(rows=2, cols=3, neurons_per_tile=8, wires=8))
    site = Site(fabric, 4, {tile: [tile * 8] for tile in range(TILES)}, Counter())
    bids = [bid(0, 0, 9.0), bid(1, 4, 0.0), bid(2, 1, 0.0, targets=(4,))]
    prices = Prices(AuctionOptions(), Links(fabric, 0))
    outcomes = place(bids, site, prices, 3, PLACEMENTS["value"], {4}, np.random.default_rng(0))
    assert [o.won for o in outcomes] == [False, True, True]
    assert outcomes[0].reason == "it reaches no neuron of its expert"


@settings(max_examples=200)
@given(
    seed=st.integers(0, 2**31),
    bids=st.integers(1, 20),
    births=st.sampled_from([0, 2, 100]),
    wires=st.integers(1, 3),
    where=st.sampled_from([name for name in PLACEMENTS if name != "auction"]),
)
def test_limits_hold_and_every_bid_has_its_outcome(
    random_market: MakeMarket, seed: int, bids: int, births: int, wires: int, where: str
) -> None:
    market = random_market(seed, bids=bids, wires=wires)
    links, ledger, before = market.links, market.links.ledger, dict(market.links.paths)
    free = {tile: list(slots) for tile, slots in market.free.items()}
    site = Site(links.fabric, links.fabric.south_tiles[0], {t: list(s) for t, s in free.items()}, Counter())
    members = links.fabric.live_tiles
    placed = place(market.bids, site, market.prices, births, PLACEMENTS[where], members, np.random.default_rng(seed))
    winners = [o for o in placed if o.won]

    assert [o.bid for o in placed] == market.bids
    assert all(o.reason and (o.slot >= 0) == o.won and (o.reason == "won") == o.won for o in placed)
    assert len(winners) <= births
    assert site.own == Counter(o.bid.tile for o in winners)
    for tile, slots in free.items():
        given_out = [o.slot for o in winners if o.bid.tile == tile]
        assert sorted(given_out + site.free[tile]) == sorted(slots)
    wires_of: dict[int, set[int]] = defaultdict(set)
    for (source, _), path in links.paths.items():
        for port in path.ports:
            wires_of[port].add(source)
    assert all(ledger.used[port] == len(sources) for port, sources in wires_of.items())
    assert (ledger.used <= links.fabric.capacity).all()
    for o in winners:
        needed = {(o.slot, t) for t in (o.bid.tile, *o.bid.targets)} | {(s, o.bid.tile) for s in o.bid.taps}
        assert needed <= links.paths.keys()
    assert before.items() <= links.paths.items()
    if len(winners) < births:  # only for want of room
        assert all(math.isnan(o.price) for o in placed if not o.won)


@settings(max_examples=100)
@given(seed=st.integers(0, 2**31), births=st.integers(1, 6))
def test_by_surplus_it_awards_what_the_auction_awards(random_market: MakeMarket, seed: int, births: int) -> None:
    auctioned, placed = random_market(seed), random_market(seed)
    expected = clear(auctioned.bids, auctioned.free, auctioned.prices, births)
    count = sum(o.won for o in expected)
    site = Site(placed.links.fabric, 0, {t: list(s) for t, s in placed.free.items()}, Counter())
    rank, members = PLACEMENTS["auction"], placed.links.fabric.live_tiles
    found = place(placed.bids, site, placed.prices, count, rank, members, np.random.default_rng(0))
    assert [(o.won, o.slot) for o in found] == [(o.won, o.slot) for o in expected]
    assert placed.links.paths == auctioned.links.paths


@pytest.mark.parametrize(
    ("growth", "method", "message"),
    [
        ({"where": "uniform", "amount": "until_price"}, "sequential", r"'until_price' needs an auction, growth\.where"),
        ({"where": "value"}, "optimal", r"auction\.method = 'optimal' needs an auction, growth\.where = 'value'"),
    ],
)
def test_what_does_not_go_together(growth: dict[str, Any], method: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_placement(GrowthOptions(**growth), AuctionOptions(method=method))
    check_placement(replace(GrowthOptions(), amount="until_price"), AuctionOptions(method="optimal"))
