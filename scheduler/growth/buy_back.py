"""Neurons bought back from old experts where a new task finds no room: a procurement auction, in the unit of the loss.

Every hidden neuron that nobody hears but its own expert is for sale. Its price is by how much the loss of its expert's
tasks rises without it, measured: the expert answers samples that are kept of them while the neuron is silent. For every
south tile the cheapest neurons are taken until a seed finds a way from the inputs to outputs there, and those that were
not in its way are given back, the dearest first. The cheapest way is bought if the rise of the losses without all of
these neurons together is less than what the new task gains: the loss of the best that would serve it otherwise, less
what old experts have on their own tasks. Where a whole seed is too dear, half of it is tried, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from smalti.agents.expert import Expert
from smalti.model.grafting.graft import links_ending
from smalti.scheduler.growth.grower import Grower
from smalti.scheduler.growth.placing.room import Need, Placed, place_seed
from smalti.scheduler.growth.placing.seed_shape import footprint
from smalti.scheduler.growth.readout import Batch, loss_of

Remembered = tuple[Expert, Batch]  # an old task's expert, and samples that are kept of it


@dataclass(frozen=True)
class Purchase:
    """Neurons that make room for a seed."""

    slots: tuple[int, ...]
    paid: float  # rise of the losses of old tasks without them
    width: int  # of the seed
    placed: Placed  # where it stands then


@dataclass(frozen=True)
class BuyBack:
    """The auction for one seed."""

    grower: Grower
    remembered: Sequence[Remembered]
    outputs: int  # of the new expert
    width: int  # of its seed
    kept: Need  # for tasks to come

    def run(self, otherwise: float, chance: np.random.Generator | None = None) -> Purchase | None:
        """The purchase that is worth its price; None where there is none.

        Args:
            otherwise: loss of the new task by what would serve it else; infinite where nothing would.
            chance: draws the order in which neurons are taken, instead of their prices.
        """
        usual = [loss_of(self.grower, expert, samples) for expert, samples in self.remembered]
        gain = otherwise - float(np.median(usual))
        prices = self._prices(usual)
        order = sorted(prices, key=lambda slot: prices[slot])
        if chance is not None:
            order = [order[k] for k in chance.permutation(len(order))]
        width = self.width
        while width:
            found = self._cheapest(order, prices, width)
            if found is not None:
                slots, placed = found
                paid = self._rise(slots, usual)
                if paid < gain:
                    return Purchase(slots, paid, width, placed)
            width //= 2
        return None

    def _rise(self, slots: Sequence[int], usual: Sequence[float]) -> float:
        """By how much the losses of old tasks rise without some neurons, in all."""
        touched = [any(slot in expert.neurons for slot in slots) for expert, _ in self.remembered]
        known = zip(self.remembered, usual, touched, strict=True)
        return sum(loss_of(self.grower, *task, slots) - loss for task, loss, theirs in known if theirs)

    def _prices(self, usual: Sequence[float]) -> dict[int, float]:
        """Rise of the losses without each neuron that is for sale; nobody is paid for a neuron that does harm."""
        agent = self.grower.agent
        sellers = [expert for expert in agent.experts if any(expert is who for who, _ in self.remembered)]
        heard = {expert.number: agent.heard_by_others(expert) for expert in sellers}
        sale = [slot for expert in sellers for slot in expert.neurons if not heard[expert.number][slot]]
        return {slot: max(0.0, self._rise([slot], usual)) for slot in sale}

    def _cheapest(
        self, order: Sequence[int], prices: dict[int, float], width: int
    ) -> tuple[tuple[int, ...], Placed] | None:
        """Neurons whose absence lets a seed in, those with the least sum of prices over all south tiles."""
        best: tuple[tuple[int, ...], Placed] | None = None
        for home in self.grower.network.fabric.south_tiles:
            place = partial(self._place, home=home, width=width)
            slots = _needed(order, place)
            placed = None if slots is None else place(slots)
            if slots is None or placed is None:
                continue
            if best is None or sum(prices[s] for s in slots) < sum(prices[s] for s in best[0]):
                best = tuple(slots), placed
        return best

    def _place(self, freed: Sequence[int], home: int, width: int) -> Placed | None:
        """The whole seed in a south tile, once these neurons are gone; None where it does not fit."""
        network = self.grower.network
        books = network.links.copy()
        books.ledger.keep(self.kept.wires)
        free = {tile: list(slots) for tile, slots in network.free_slots().items()}
        for slot in freed:
            for source, tile in links_ending(network, slot):
                if (source, tile) in books.rows:
                    books.remove(source, tile)
            free[network.fabric.tile_of_slot(slot)].append(slot)
        free = {tile: sorted(slots)[: len(slots) - self.kept.slots.get(tile, 0)] for tile, slots in free.items()}
        if len(free[home]) <= self.outputs:
            return None
        everywhere = self.grower.options.everywhere
        placed = place_seed(books, free, home, self.outputs, width, everywhere)
        neurons = sum(need.slots.total() for need in placed.needs[1:])
        return placed if neurons == width * len(footprint(network.fabric, home, everywhere)) else None


def _needed(order: Sequence[int], place: Callable[[Sequence[int]], Placed | None]) -> list[int] | None:
    """The first so many neurons without which there is a place, but for those not in the way; None: there is none."""
    if place(order) is None:
        return None
    few, enough = -1, len(order)  # there is no place without ``few`` of them, and one without ``enough``
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (middle, enough) if place(order[:middle]) is None else (few, middle)
    freed = list(order[:enough])
    for slot in reversed(order[:enough]):
        rest = [other for other in freed if other != slot]
        freed = freed if place(rest) is None else rest
    return freed
