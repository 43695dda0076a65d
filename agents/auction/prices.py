"""Prices of the chip's resources, in nats of predicted loss: a base price each, rising with scarcity.

How, is said by ``auction.scarcity``, with u for the share that is in use of what is not known to be dead:

- harmonic: base / (1 - u), the base price while all is free, ever more towards the last unit.
- exponential: the larger of base and base / e (e r)^u, from base to r times as much for the last unit. Where the values
  of a unit lie between base and r base, whoever buys at these prices gets at least 1 / (1 + ln r) of what the best
  choice in hindsight would (one resource, small units; Zhou, Chakrabarty and Lukose 2008, doi
  10.1007/978-3-540-92185-1_63), whatever comes in whatever order.
- none: base.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from smalti.agents.auction.bids import Bid
from smalti.model.chip.links import Links, Offer, Refusal
from smalti.model.chip.routes import Path
from smalti.model.options import ranges
from smalti.model.options.values import settle

Method = Literal["sequential", "optimal"]
Values = Literal["own", "shuffled"]
Scarcity = Literal["harmonic", "exponential", "none"]
NEWBORN = -1  # stands for the newborn as a source while it has no slot; its twin is one less
ANY_WAY: Mapping[tuple[int, int], Path] = MappingProxyType({})
EMPTY: Set[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class AuctionOptions:
    """How the auction is held and what resources cost.

    Attributes:
        method: sequential awards the best surplus and renews prices; optimal solves for the best set (slow).
        values: own (every bid has the value that was predicted for it) or shuffled (that of another bid of the same
            auction, drawn: the control of own, with the same values and prices).
        scarcity: how prices rise with the share u in use: harmonic (1 / (1 - u) times as high), exponential (up to
            dearest times as high, the rule of online knapsacks) or none.
        dearest: by how much the last unit costs more than the first, for scarcity = exponential.
        slot_price: nats asked for a free neuron slot.
        row_price: nats asked for a crossbar row.
        wire_price: nats asked for one wire on one side of one tile that a route crosses.
        spike_price: nats asked for one spike per sample of neurons that must run for a read-out that hears them.
        write_price: nats asked for one device that is written, in repairs.
    """

    method: Method = "sequential"
    values: Values = "own"
    scarcity: Scarcity = "harmonic"
    dearest: float = 1000.0
    slot_price: float = 2e-4
    row_price: float = 2e-5
    wire_price: float = 1e-5
    spike_price: float = 1e-5
    write_price: float = 1e-5

    def __post_init__(self) -> None:
        settle(self, "auction")
        ranges.weight("auction", self, "slot_price", "row_price", "wire_price", "spike_price", "write_price")
        ranges.positive("auction", self, "dearest", most=1e9)
        if self.dearest < 1:
            raise ValueError(f"auction.dearest = {self.dearest} would make scarce units cheaper; give 1 or more")

    def asked(self, base: float, capacity: int, free: int) -> float:
        """Price of the next unit of a resource of which so many are free, one at least."""
        if self.scarcity == "harmonic":
            return base * capacity / free
        if self.scarcity == "none":
            return base
        return base * max(1.0, math.exp((1 + math.log(self.dearest)) * (1 - free / capacity) - 1))


@dataclass(frozen=True)
class Quote:
    """What a bid would take now."""

    offers: tuple[Offer, ...]  # the links to lay, taps first
    cost: float  # at base prices, nats
    price: float  # at today's prices, nats


class Prices:
    """Quotes for slots and links from the state of the chip."""

    def __init__(self, options: AuctionOptions, links: Links) -> None:
        self.options, self.links = options, links
        self._newborn: dict[tuple[int, int], float | None] = {}  # (tile, other) -> what ``of_newborn`` says
        self._newborn_version = -1  # of the book of wires when it did

    def slot(self, free: int, tile: int) -> float:
        """Price of one slot of a tile with that many free ones."""
        return self.options.asked(self.options.slot_price, self.links.slots[tile], max(free, 1))

    def link(self, offer: Offer, known: Set[int] = EMPTY) -> tuple[float, float]:
        """Base cost and price of a link, ports in ``known`` being paid already."""
        ledger = self.links.ledger
        cost = price = self.options.row_price
        for port in offer.new_ports:
            if port not in known:
                cost += self.options.wire_price
                price += self.options.asked(self.options.wire_price, ledger.wires(port), ledger.free(port))
        return cost, price

    def of_newborn(self, start: int, tile: int) -> float | None:
        """Price of a link from a newborn's tile to another; None where there is no room."""
        version = self.links.ledger.version
        if self._newborn_version != version:
            self._newborn, self._newborn_version = {}, version
        if (start, tile) not in self._newborn:
            offer = self.links.offer(NEWBORN, tile, start)
            self._newborn[start, tile] = None if isinstance(offer, Refusal) else self.link(offer)[1]
        return self._newborn[start, tile]

    def quote(self, bid: Bid, free_slots: int, ways: Mapping[tuple[int, int], Path] = ANY_WAY) -> Quote | Refusal:
        """What a bid would take and cost now, or what is in its way.

        Room for its links is found one after the other, so all offers of a quote fit together.

        Args:
            bid: the bid.
            free_slots: slots that its tile has left.
            ways: path to take for a link (source or NEWBORN, tile); others take their first path that fits.
        """
        if free_slots < bid.neurons:
            lacks = "no free slot" if free_slots < 1 else f"{free_slots} free slot for {bid.neurons} neurons"
            return Refusal(NEWBORN, bid.tile, f"tile {self.links.fabric.position(bid.tile)} has {lacks}")
        cost = bid.neurons * self.options.slot_price
        price = sum(self.slot(free_slots - k, bid.tile) for k in range(bid.neurons))
        newborns = [NEWBORN - k for k in range(bid.neurons)]
        offers: list[Offer] = []
        taken: dict[int, set[int]] = {}  # port -> sources to which this quote gives a wire there
        links = [(s, bid.tile, True) for s in bid.taps if (s, bid.tile) not in self.links.rows]
        links += [(one, t, True) for one in newborns for t in bid.targets]
        links += [(one, t, False) for one in newborns for t in bid.wishes]
        for source, tile, needed in links:
            priced = self._priced(source, bid.tile, tile, ways, taken)
            if isinstance(priced, Refusal):
                if needed:
                    return priced
                continue
            offer, link_cost, link_price = priced
            cost, price = cost + link_cost, price + link_price
            if len(links) > 1:
                for port in offer.new_ports:
                    taken.setdefault(port, set()).add(source)
            offers.append(offer)
        return Quote(tuple(offers), cost, price)

    def _priced(
        self,
        source: int,
        home: int,
        tile: int,
        ways: Mapping[tuple[int, int], Path],
        taken: Mapping[int, Set[int]],
    ) -> tuple[Offer, float, float] | Refusal:
        """Room for a link of a bid, its cost and its price beside the links of the same bid that were found before."""
        start = home if source < 0 else self.links.fabric.tile_of_slot(source)
        offer = self._offer(source, tile, start, ways.get((source, tile)), taken)
        if isinstance(offer, Refusal):
            return offer
        known = {port for port in offer.new_ports if source in taken.get(port, ())}
        return offer, *self.link(offer, known)

    def _offer(
        self, source: int, tile: int, start: int, way: Path | None, taken: Mapping[int, Set[int]]
    ) -> Offer | Refusal:
        """Room for a link beside what the ledger and earlier links of the same quote take."""
        if way is None:
            offer = self.links.offer(source, tile, start)
            if not taken or isinstance(offer, Refusal) or self._crowded(offer, taken) is None:
                return offer
        ledger, blocked = self.links.ledger, None
        for path in self.links.ways(start, tile) if way is None else (way,):
            offer = Offer(source, tile, path, tuple(ledger.wires_needed(source, path.ports)))
            port = ledger.blocked(source, path.ports)
            port = self._crowded(offer, taken) if port is None else port
            if port is None:
                return offer
            blocked = port if blocked is None else blocked
        assert blocked is not None
        place = self.links.fabric.describe_port(blocked)
        return Refusal(source, tile, f"{place} has no room for all links of the bid")

    def _crowded(self, offer: Offer, taken: Mapping[int, Set[int]]) -> int | None:
        """The first port whose last wires go to other links of the same quote."""
        for port in offer.new_ports:
            others = taken.get(port)
            if others and self.links.ledger.free(port) <= len(others - {offer.source}):
                return port
        return None
