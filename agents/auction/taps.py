"""The auction of a read-out: which neurons and inputs that there are its output units hear, and by which wires.

Every neuron that could be heard, and every input that enters the tile, is a bid of no birth: its value is by how much
the loss falls if it is heard beside those that have won (``model.growth.regression``), its price that of the link,
where the tile does not hear it yet, and that of the spikes of all neurons that must run for it and do not run already.
One bid after the other wins, the largest surplus first; then all are worth something else.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from smalti.agents.auction.bids import DEAR, TAP, Bid, Outcome, in_coins
from smalti.agents.auction.prices import Prices
from smalti.model.chip.links import Offer, Refusal
from smalti.model.growth.regression import Regression


@dataclass(frozen=True)
class Listening:
    """What a read-out in a certain tile could hear."""

    tile: int
    task: int
    sources: Sequence[int]  # slots and channels, one for each place of the regression
    regression: Regression
    worth: float  # of a unit of the regression's objective in the loss's unit
    upstream: Tensor  # [P, N] bool: who must run so that a source is right, itself included
    spikes: Tensor  # [N] spikes of every neuron per sample
    running: Tensor  # [N] bool: who runs in any case


@dataclass(frozen=True)
class Taps:
    """What a read-out has won."""

    places: tuple[int, ...]  # in the order in which they won
    outcomes: tuple[Outcome, ...]  # of all bids, in the order of the places
    surplus: float  # of all winners together
    weights: Tensor  # [taken, O] of the winners


def clear_taps(
    listening: Listening,
    prices: Prices,
    most: int,
    number: int,
    lots: np.random.Generator | None = None,
    shuffle: np.random.Generator | None = None,
) -> Taps:
    """Hold the auction; the links of the winners are laid in the books of ``prices``.

    Args:
        listening: who could be heard.
        prices: price book over the chip's links, or over a copy of them.
        most: neurons that may win.
        number: of the first bid.
        lots: random numbers that choose in place of the auction; value and price decide nothing then.
        shuffle: random numbers that give every bid the value of another one, anew for every award.
    """
    regression = listening.regression.copy()
    awards: dict[int, Outcome] = {}
    running = listening.running
    while len(awards) < most:
        market = _Market.of(listening, regression, prices, running)
        if shuffle is not None:
            market.shuffle([place for place in range(len(listening.sources)) if place not in awards], shuffle)
        found = market.best(awards) if lots is None else market.drawn(awards, lots)
        if found is None:
            break
        place, quote = found
        awards[place] = Outcome(_bid(listening, place, number, market.values[place]), True, -1, *quote.sums, "won")
        for offer in quote.offers:
            prices.links.lay(offer)
        running = running | listening.upstream[place]
        regression.take(place)
    market = _Market.of(listening, regression, prices, running)
    places = range(len(listening.sources))
    outcomes = (
        awards.get(place) or market.lost(place, _bid(listening, place, number, market.values[place]))
        for place in places
    )
    return Taps(
        places=tuple(awards),
        outcomes=tuple(outcomes),
        surplus=sum(outcome.surplus for outcome in awards.values()),
        weights=regression.weights(),
    )


def _bid(listening: Listening, place: int, number: int, value: float) -> Bid:
    source = listening.sources[place]
    return Bid(number + place, listening.tile, listening.task, TAP, (source,), (), (), in_coins(value), neurons=0)


@dataclass(frozen=True)
class _Quoted:
    """What hearing a neuron would take now."""

    offers: tuple[Offer, ...]  # its link, where the tile does not hear it yet
    sums: tuple[float, float]  # at base prices, and at today's


@dataclass(frozen=True)
class _Market:
    """All bids as they stand between two awards."""

    listening: Listening
    prices: Prices
    values: list[float]  # of hearing each neuron beside those that have won
    spikes: list[float]  # price of the spikes of whoever must run for it and does not yet

    @staticmethod
    def of(listening: Listening, regression: Regression, prices: Prices, running: Tensor) -> _Market:
        values = regression.gains() * listening.worth
        more = (listening.upstream & ~running).double() @ listening.spikes.double()
        return _Market(listening, prices, values.tolist(), (more * prices.options.spike_price).tolist())

    def shuffle(self, left: Sequence[int], chance: np.random.Generator) -> None:
        """Permute the values of the bids that are left."""
        values = [self.values[place] for place in chance.permutation(left).tolist()]
        for place, value in zip(left, values, strict=True):
            self.values[place] = value

    def quote(self, place: int) -> _Quoted | Refusal:
        source, tile, spikes = self.listening.sources[place], self.listening.tile, self.spikes[place]
        if (source, tile) in self.prices.links.rows:
            return _Quoted((), (spikes, spikes))
        if source >= self.prices.links.fabric.neurons:
            return Refusal(source, tile, "the input does not enter the tile")
        offer = self.prices.links.offer(source, tile)
        if isinstance(offer, Refusal):
            return offer
        cost, price = self.prices.link(offer)
        return _Quoted((offer,), (cost + spikes, price + spikes))

    def best(self, taken: Container[int]) -> tuple[int, _Quoted] | None:
        """The bid with the largest surplus, if that is above 0; of equals the first."""
        most = [in_coins(value) - spikes for value, spikes in zip(self.values, self.spikes, strict=True)]
        found, surplus = None, 0.0
        for place in sorted(range(len(most)), key=lambda place: -most[place]):
            if most[place] <= surplus:
                break
            quote = self.quote(place)
            if place in taken or isinstance(quote, Refusal):
                continue
            here = in_coins(self.values[place]) - quote.sums[1]
            if here > surplus:
                found, surplus = (place, quote), here
        return found

    def drawn(self, taken: Container[int], lots: np.random.Generator) -> tuple[int, _Quoted] | None:
        """Some bid that fits."""
        for place in lots.permutation(len(self.values)).tolist():
            quote = self.quote(place)
            if place not in taken and not isinstance(quote, Refusal):
                return place, quote
        return None

    def lost(self, place: int, bid: Bid) -> Outcome:
        quote = self.quote(place)
        if isinstance(quote, Refusal):
            return Outcome(bid, False, -1, float("nan"), float("nan"), quote.reason)
        reason = DEAR if bid.value <= quote.sums[1] else "the read-out hears as many sources as it may"
        return Outcome(bid, False, -1, *quote.sums, reason)
