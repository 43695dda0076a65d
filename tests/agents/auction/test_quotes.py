from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smalti.agents.auction.prices import Quote
from smalti.agents.auction.quotes import QuoteBook
from smalti.agents.auction.sequential import award


@pytest.mark.parametrize("seed", range(40))
def test_kept_quotes_are_those_of_the_moment(random_market: Callable[..., Any], seed: int) -> None:
    """After every award all quotes equal fresh ones, and who has got cheaper is among those that are named."""
    market = random_market(seed, bids=30, rows=3, cols=3, wires=3, slots=5)
    left = {tile: list(slots) for tile, slots in market.free.items()}
    book, bids = QuoteBook(market.bids, left, market.prices), market.bids

    def fresh(position: int) -> Any:
        return market.prices.quote(bids[position], len(left[bids[position].tile]))

    won = 0
    for position in range(len(bids)):
        prices = {p: q.price for p in range(len(bids)) if isinstance(q := book.quote(p), Quote)}
        quote = book.quote(position)
        if not isinstance(quote, Quote):
            continue
        award(bids[position], quote, left[bids[position].tile], market.links)
        relieved, won = book.relieved(quote), won + 1
        for p in range(len(bids)):
            expected, found = fresh(p), book.quote(p)
            if isinstance(expected, Quote):
                assert found == expected
                assert p in relieved or expected.price >= prices.get(p, float("inf"))
            else:
                assert not isinstance(found, Quote)
        book.close()
        assert all(repr(book.quote(p)) == repr(fresh(p)) for p in range(len(bids)))
    assert won
