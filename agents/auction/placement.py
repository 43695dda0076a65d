"""Where newborns go. ``PLACEMENTS`` is the extension point: a user's module may add its own under a new name.

A placement ranks a bid: ``(tile, value, price, site) -> rank``. Of the bids that fit, one of the highest rank is
awarded, ranks change, and so on; ties between tiles are drawn, ties within a tile go to the larger value. So a
placement that knows the tile alone gives every tile the same chance however many candidates it sends, and takes the
best of them. How a candidate is wired is no business of a placement.

``place`` settles bids by a placement instead of an auction: the same bids, limits and links, another order. Prices are
quoted, for the tables, but decide nothing unless the placement asks for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from smalti.agents.auction.bids import Bid, Outcome
from smalti.agents.auction.prices import AuctionOptions, Prices, Quote
from smalti.agents.auction.sequential import award
from smalti.model.chip.fabric import Fabric
from smalti.model.chip.links import Refusal
from smalti.model.growth.options import GrowthOptions


@dataclass(frozen=True)
class Site:
    """What a placement knows of the chip; the counts follow the awards."""

    fabric: Fabric
    output_tile: int  # of the expert that grows
    free: dict[int, list[int]]  # tile -> slots for sale, to be given out from the front
    own: Counter[int]  # tile -> hidden neurons of the expert


Placement = Callable[[int, float, float, Site], float]


def auction(tile: int, value: float, price: float, site: Site) -> float:
    """Value minus price. ``agents.auction.sequential`` clears it, and only what is above 0."""
    return value - price


def value(tile: int, value: float, price: float, site: Site) -> float:
    """Value alone."""
    return value


def uniform(tile: int, value: float, price: float, site: Site) -> float:
    """All alike: every birth draws its tile, the control of all others."""
    return 0.0


def balanced(tile: int, value: float, price: float, site: Site) -> float:
    """Tiles with the fewest neurons of the expert."""
    return -float(site.own[tile])


def nearest(tile: int, value: float, price: float, site: Site) -> float:
    """Tiles nearest to the expert's outputs, in rows plus columns."""
    return -float(site.fabric.distance(tile, site.output_tile))


def fullest(tile: int, value: float, price: float, site: Site) -> float:
    """Tiles with the fewest free slots."""
    return -float(len(site.free[tile]))


PLACEMENTS: dict[str, Placement] = {
    "auction": auction,
    "value": value,
    "uniform": uniform,
    "balanced": balanced,
    "nearest": nearest,
    "fullest": fullest,
}


def check_placement(growth: GrowthOptions, auction: AuctionOptions) -> None:
    """Whether how many are born, and how the auction is held, go with where they are born.

    Raises:
        ValueError: a placement without an auction where something needs one.
    """
    needs = {
        "growth.amount = 'until_price'": growth.amount == "until_price",
        "auction.method = 'optimal'": auction.method == "optimal",
    }
    for name, given in needs.items():
        if given and growth.where != "auction":
            raise ValueError(f"{name} needs an auction, growth.where = {growth.where!r} holds none; change one of them")


def place(
    bids: Sequence[Bid],
    site: Site,
    prices: Prices,
    births: int,
    placement: Placement,
    members: Collection[int],
    chance: np.random.Generator,
) -> list[Outcome]:
    """Settle all bids, laying the links of the winners; as many win as are wanted and fit, whatever their surplus.

    Args:
        bids: bids in the order in which they came.
        site: free slots of every tile and neurons of the expert; both follow the awards.
        prices: price book over the chip's links; the links of winners are laid in it.
        births: most neurons born.
        placement: ranks the bids that fit, see ``PLACEMENTS``.
        members: tiles with neurons of the expert; a bid for another tile without targets reaches nobody and is lost
            (its links have no room).
        chance: draws ties between tiles.

    Returns:
        One outcome for each bid, in the order of the bids.
    """
    outcomes: dict[int, Outcome] = {}
    waiting = [position for position, bid in enumerate(bids) if bid.targets or bid.tile in members]
    left = births
    while waiting and left:
        fit = [position for position in waiting if bids[position].neurons <= left]
        chosen = _next(bids, fit, site, prices, placement, chance)
        if chosen is None:
            break
        position, quote = chosen
        tile = bids[position].tile
        outcomes[position] = award(bids[position], quote, site.free[tile], prices.links)
        site.own[tile] += bids[position].neurons
        left -= bids[position].neurons
        waiting.remove(position)
    for position, bid in enumerate(bids):
        if position not in outcomes:
            close = prices.quote(bid, len(site.free[bid.tile]))
            outcomes[position] = _lost(bid, close, position in waiting, births)
    return [outcomes[position] for position in range(len(bids))]


def _next(
    bids: Sequence[Bid],
    waiting: Sequence[int],
    site: Site,
    prices: Prices,
    placement: Placement,
    chance: np.random.Generator,
) -> tuple[int, Quote] | None:
    """The bid to be awarded now, by its position, and its quote; None where none fits."""
    lots = chance.random(site.fabric.tiles)
    ranked: list[tuple[float, float, float, int, Quote]] = []
    for position in waiting:
        bid = bids[position]
        quote = prices.quote(bid, len(site.free[bid.tile]))
        if isinstance(quote, Quote):
            rank = placement(bid.tile, bid.value, quote.price, site)
            ranked.append((rank, float(lots[bid.tile]), bid.value, -position, quote))
    if not ranked:
        return None
    best = max(ranked, key=lambda entry: entry[:4])
    return -best[3], best[4]


def _lost(bid: Bid, quote: Quote | Refusal, reaches: bool, births: int) -> Outcome:
    if isinstance(quote, Refusal):
        return Outcome(bid, False, -1, float("nan"), float("nan"), quote.reason)
    reason = f"the {births} births of the round went to others" if reaches else "it reaches no neuron of its expert"
    return Outcome(bid, False, -1, quote.cost, quote.price, reason)
