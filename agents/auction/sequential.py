"""The auction: which bids get a place, under limits that are never crossed.

Sequential, by surplus: the bid with the largest value minus price wins, its links are laid, prices change,
and so on. Every bid ends with an outcome and a reason; losers are quoted at the close. The exact optimum for
comparison is in ``agents.auction.exact``.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from smalti.agents.auction import exact as optimal
from smalti.agents.auction.bids import DEAR, Bid, Outcome
from smalti.agents.auction.prices import NEWBORN, Prices, Quote
from smalti.agents.auction.quotes import QuoteBook
from smalti.model.chip.links import Links, Offer, Refusal


def clear(bids: Sequence[Bid], free_slots: Mapping[int, Sequence[int]], prices: Prices, births: int) -> list[Outcome]:
    """Settle all bids, laying the links of the winners.

    Args:
        bids: bids in the order in which they came; earlier ones win ties.
        free_slots: for every tile its free slots, to be given out from the front.
        prices: price book over the chip's links; the links of winners are laid in it.
        births: most neurons born.

    Returns:
        One outcome for each bid, in the order of the bids.

    Raises:
        ValueError: where the optimal method is asked for more than it can solve.
    """
    left = {tile: list(slots) for tile, slots in free_slots.items()}
    book = QuoteBook(bids, left, prices)
    if prices.options.method == "optimal":
        free = {tile: len(slots) for tile, slots in left.items()}
        outcomes = _award_all(bids, optimal.best_set(bids, free, prices, births), left, prices)
        reason = "not in the best set"
    else:
        outcomes = _sequential(bids, left, book, births)
        reason = f"the {births} births of the round went to larger surpluses"
    book.close()
    for position, bid in enumerate(bids):
        if position not in outcomes:
            outcomes[position] = _lost(bid, book.quote(position), reason)
    return [outcomes[position] for position in range(len(bids))]


def _sequential(bids: Sequence[Bid], left: Mapping[int, list[int]], book: QuoteBook, births: int) -> dict[int, Outcome]:
    """The winners: at each turn the bid with the largest surplus at the prices of that turn, while positive.

    The queue is lazy. Prices mostly rise, so a surplus known from before is an upper bound and is renewed at the
    top of the queue only. The exceptions, bids that a winner may have made cheaper, are queued anew at once.
    """
    outcomes: dict[int, Outcome] = {}
    bound: dict[int, float] = {}  # position of a bid -> a surplus that it has not exceeded since
    queue: list[tuple[float, int]] = []  # (minus a bound, position); stale where it is not the present bound
    births_left = births

    def quoted(position: int) -> tuple[Quote | Refusal, float]:
        quote = book.quote(position)
        return quote, bids[position].value - quote.price if isinstance(quote, Quote) else 0.0

    def enqueue(position: int, surplus: float) -> None:
        bound[position] = surplus
        if surplus > 0:
            heapq.heappush(queue, (-surplus, position))

    for position in range(len(bids)):
        enqueue(position, quoted(position)[1])
    while queue and births_left:
        known, position = heapq.heappop(queue)
        if position in outcomes or -known != bound[position] or bids[position].neurons > births_left:
            continue
        quote, surplus = quoted(position)
        if surplus <= 0 or isinstance(quote, Refusal) or (queue and (-surplus, position) > queue[0]):
            enqueue(position, surplus)
            continue
        births_left -= bids[position].neurons
        outcomes[position] = award(bids[position], quote, left[bids[position].tile], book.prices.links)
        for other in book.relieved(quote):
            if other not in outcomes and (surplus := quoted(other)[1]) > bound[other]:
                enqueue(other, surplus)
    return outcomes


def _award_all(
    bids: Sequence[Bid], chosen: Sequence[optimal.Choice], left: Mapping[int, list[int]], prices: Prices
) -> dict[int, Outcome]:
    """Award bids chosen beforehand, whatever today's prices say; wishes take what all of them leave."""
    outcomes: dict[int, Outcome] = {}
    for choice in chosen:
        bid, slots = bids[choice.position], left[bids[choice.position].tile]
        quote = prices.quote(replace(bid, wishes=()), len(slots), choice.ways)
        assert isinstance(quote, Quote), quote
        outcomes[choice.position] = award(bid, quote, slots, prices.links)
    for position, outcome in outcomes.items():
        for offer in _wishes(outcome, prices.links):
            cost, price = prices.link(offer)
            prices.links.lay(offer)
            outcome = replace(outcome, cost=outcome.cost + cost, price=outcome.price + price)
        outcomes[position] = outcome
    return outcomes


def _wishes(outcome: Outcome, links: Links) -> Iterator[Offer]:
    """Wishes of a winner that fit, one at a time, to be laid before the next is asked for."""
    for tile in outcome.bid.wishes:
        offer = links.offer(outcome.slot, tile)
        if isinstance(offer, Offer):
            yield offer


def award(bid: Bid, quote: Quote, slots: list[int], links: Links) -> Outcome:
    """Give a winner its slots and lay every link of its quote, which is that of this moment."""
    given = [slots.pop(0) for _ in range(bid.neurons)]
    for slot in given:
        links.add_local(slot)
    for offer in quote.offers:
        links.lay(replace(offer, source=given[NEWBORN - offer.source]) if offer.source < 0 else offer)
    return Outcome(bid, True, given[0], quote.cost, quote.price, "won", *given[1:])


def _lost(bid: Bid, quote: Quote | Refusal, reason: str) -> Outcome:
    if isinstance(quote, Refusal):
        return Outcome(bid, False, -1, float("nan"), float("nan"), quote.reason)
    if bid.value <= quote.price:
        reason = DEAR
    return Outcome(bid, False, -1, quote.cost, quote.price, reason)
