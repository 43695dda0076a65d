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
from smalti.agents.auction.prices import Prices, Quote
from smalti.model.chip.links import Refusal

Known = tuple[Quote | Refusal, int, tuple[int, ...], list[int]]  # free slots, ports taken and their free wires then


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
        self._known: list[Known | None] = [None] * len(alike)  # of every group; None where nobody has asked
        # Sources beside itself, or beside one tap, that a bid links.
        self._crowd = [len(bid.taps) + bid.neurons - 1 for bid in self._first]
        self._largest_crowd = max(self._crowd, default=0)

    def quote(self, position: int) -> Quote | Refusal:
        """What a bid would take and cost now, or what is in its way."""
        group = self._group[position]
        bid, known = self._first[group], self._known[group]
        slots = len(self.left[bid.tile])
        if known is not None:
            quote, then, ports, free = known
            if isinstance(quote, Refusal) or (then == slots and self.prices.links.ledger.all_free(ports) == free):
                return quote
        quote, ports = self.prices.quote(bid, slots), ()
        if isinstance(quote, Quote):
            ports = tuple(port for offer in quote.offers for port in offer.new_ports)
        self._known[group] = quote, slots, ports, self.prices.links.ledger.all_free(ports)
        return quote

    def close(self) -> None:
        """Ask again for what was refused: the side that is in its way first may be another by now."""
        self._known = [None if known and isinstance(known[0], Refusal) else known for known in self._known]

    def relieved(self, quote: Quote) -> list[int]:
        """Positions of bids that an award may have made cheaper, ascending.

        Those that tap a source which has got a new link: its row or part of its way is paid. And those with a way
        over a side that is now too full for all their links: they take another, maybe cheaper, or drop a wish.

        Args:
            quote: whose links were laid.
        """
        cheaper = set[int]()
        for offer in quote.offers:
            for group in self._by_tap.get(offer.source, ()):
                self._known[group] = None
                cheaper.add(group)
            for port in offer.new_ports:
                free = self.prices.links.ledger.free(port)
                if free <= self._largest_crowd:
                    cheaper.update(group for group in self._by_way.get(port, ()) if free <= self._crowd[group])
        return sorted(position for group in cheaper for position in self._members[group])

    @cached_property
    def _by_tap(self) -> dict[int, list[int]]:
        """Source -> groups that would tap it."""
        by_tap: dict[int, list[int]] = defaultdict(list)
        for group, bid in enumerate(self._first):
            for source in bid.taps:
                by_tap[source].append(group)
        return by_tap

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
