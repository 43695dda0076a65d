"""Quotes of all bids of an auction, each renewed only when a winner has changed what it depends on.

While an auction lasts, slots and wires become fewer, and so what does not fit stays refused. A quote depends on the
free slots of its tile and on the wires of the paths that it takes, and gets cheaper in two ways alone (``relieved``).
Bids for the same place with the same links share a quote.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

from smalti.agents.auction.bids import Bid
from smalti.agents.auction.prices import NEWBORN, Prices, Quote
from smalti.model.chip.links import Refusal


class QuoteBook:
    """What each of some bids would take and cost now.

    Args:
        bids: of the auction.
        left: tile -> slots that are still for sale, changed by who awards them.
        prices: price book over the chip's links.
    """

    def __init__(self, bids: Sequence[Bid], left: Mapping[int, Sequence[int]], prices: Prices) -> None:
        self.left, self.prices = left, prices
        alike: dict[tuple[object, ...], int] = {}
        self._group = [  # of every bid
            alike.setdefault((bid.tile, bid.taps, bid.targets, bid.wishes, bid.neurons), len(alike)) for bid in bids
        ]
        self._members: list[list[int]] = [[] for _ in alike]  # of every group: positions of its bids
        for position, group in enumerate(self._group):
            self._members[group].append(position)
        self._first = [bids[members[0]] for members in self._members]  # of every group: one of its bids
        self._quotes: list[Quote | Refusal | None] = [None] * len(alike)  # None: to be renewed
        self._by_tile: dict[int, list[int]] = defaultdict(list)  # tile -> groups
        self._by_tap: dict[int, list[int]] = defaultdict(list)  # source -> groups
        self._by_port: dict[int, set[int]] = defaultdict(set)  # port -> groups whose quotes have taken wires there
        for group, bid in enumerate(self._first):
            self._by_tile[bid.tile].append(group)
            for source in bid.taps:
                self._by_tap[source].append(group)
        # Sources beside itself, or beside one tap, that a bid links.
        self._crowd = [len(bid.taps) + bid.neurons - 1 for bid in self._first]
        self._largest_crowd = max(self._crowd, default=0)

    def quote(self, position: int) -> Quote | Refusal:
        """What a bid would take and cost now, or what is in its way."""
        group = self._group[position]
        known = self._quotes[group]
        if known is not None:
            return known
        bid = self._first[group]
        quote = self._quotes[group] = self.prices.quote(bid, len(self.left[bid.tile]))
        if isinstance(quote, Quote):
            for offer in quote.offers:
                for port in offer.new_ports:
                    self._by_port[port].add(group)
        return quote

    def close(self) -> None:
        """Ask again for what was refused: the side that is in its way first may be another by now."""
        self._quotes = [None if isinstance(quote, Refusal) else quote for quote in self._quotes]

    def relieved(self, tile: int, quote: Quote) -> list[int]:
        """Positions of bids that an award may have made cheaper, ascending; all that it concerns are quoted anew.

        Those that tap a source which has got a new link: its row or part of its way is paid. And those with a way
        over a side that is now too full for all their links: they take another, maybe cheaper, or drop a wish.

        Args:
            tile: that has lost a slot.
            quote: whose links were laid.
        """
        renewed, cheaper = set(self._by_tile[tile]), set[int]()
        for offer in quote.offers:
            if offer.source > NEWBORN:
                cheaper.update(self._by_tap[offer.source])
            for port in offer.new_ports:
                renewed |= self._by_port.pop(port, set())
                free = self.prices.links.ledger.free(port)
                if free <= self._largest_crowd:
                    cheaper.update(group for group in self._by_way.get(port, ()) if free <= self._crowd[group])
        for group in renewed | cheaper:
            self._quotes[group] = None
        return sorted(position for group in cheaper for position in self._members[group])

    @cached_property
    def _by_way(self) -> dict[int, list[int]]:
        """Port -> groups that could come by there."""
        by_way: dict[int, list[int]] = defaultdict(list)
        links, tile_of = self.prices.links, self.prices.links.fabric.tile_of_slot
        for group, bid in enumerate(self._first):
            pairs = [(tile_of(source), bid.tile) for source in bid.taps]
            pairs += [(bid.tile, tile) for tile in (*bid.targets, *bid.wishes)]
            for port in {port for pair in pairs for port in links.ports_between(*pair)}:
                by_way[port].append(group)
        return by_way
