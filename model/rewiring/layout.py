"""Where neurons sit and which links their devices need: tries exchanges of slots on the links alone.

Neurons keep the name of the slot in which they were found; only their places change. Devices are moved afterwards, once
for all exchanges (``model.rewiring.swap``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from smalti.model.chip.links import Links, Refusal
from smalti.model.chip.routes import Path
from smalti.model.network import Network

ROUNDING = 1e-9  # share of a cost that is no gain
Cost = Callable[[int, list[Path]], float]  # of the routed links of a neuron, from their paths
Laid = tuple[int, int, int, tuple[int, ...]]  # slot, tile, row, cells of a link


@dataclass
class Layout:
    """Places of the neurons of one chip."""

    links: Links
    place: list[int]  # slot of every neuron now
    drives: dict[int, set[int]]  # neuron -> neurons that its devices drive, itself excluded
    sources: dict[int, set[int]]  # neuron -> neurons that it hears, itself excluded
    waiting: dict[int, set[int]]  # neuron -> tiles that it reaches by a link without devices
    routed: dict[int, set[int]]  # neuron -> tiles that it reaches by routed links

    @staticmethod
    def of(network: Network) -> Layout:
        """The present layout of a network."""
        fabric, links, mask = network.fabric, network.links, network.state.mask.cpu()
        layout = Layout(links, list(range(fabric.neurons)), {}, {}, {}, {})
        for neuron in torch.nonzero(network.state.alive).flatten().tolist():
            for table in (layout.drives, layout.sources, layout.waiting, layout.routed):
                table[neuron] = set()
        for tile, row, column in torch.nonzero(mask).tolist():
            source, target = int(links.source[tile, row]), tile * fabric.slots + column
            if source < fabric.neurons and source != target:
                layout.drives[source].add(target)
                layout.sources[target].add(source)
        empty = ~mask.any(2)
        for (source, tile), row in links.rows.items():
            if links.kind(source, tile) == "routed":
                layout.routed[source].add(tile)
                if empty[tile, row]:
                    layout.waiting[source].add(tile)
        return layout

    def tile(self, neuron: int) -> int:
        """Tile in which a neuron sits now."""
        return self.links.fabric.tile_of_slot(self.place[neuron])

    def needs(self, neuron: int) -> set[int]:
        """Tiles that a neuron must reach by a routed link."""
        return ({self.tile(target) for target in self.drives[neuron]} | self.waiting[neuron]) - {self.tile(neuron)}

    def cost(self, neurons: list[int], cost: Cost) -> float:
        """Cost of all links of some neurons."""
        paths = self.links.paths
        return sum(cost(n, [paths[self.place[n], tile] for tile in self.routed[n]]) for n in neurons)

    def exchange(self, a: int, b: int, cost: Cost | None) -> bool:
        """Let two neurons change places if all links find room and the cost falls; otherwise all is as before.

        Without a cost room is enough.
        """
        touched = sorted({a, b} | self.sources[a] | self.sources[b])
        before = 0.0 if cost is None else self.cost(touched, cost)
        routed = {neuron: set(self.routed[neuron]) for neuron in touched}
        ended = self._end(touched, (a, b))
        laid: list[tuple[int, int]] = []
        fits = self._lay(touched, (a, b), laid)
        if fits and (cost is None or self.cost(touched, cost) < before - ROUNDING * before):
            return True
        for slot, tile in laid:
            self.links.remove(slot, tile)
        self._trade(a, b)
        for slot, tile, row, cells in ended:
            self.links.restore(slot, tile, row, cells)
        self.routed |= routed
        return False

    def _end(self, touched: list[int], movers: tuple[int, int]) -> list[Laid]:
        """Change the places of two neurons and take away all their links, and those of others that lose their use."""
        old = {neuron: self.place[neuron] for neuron in touched}
        ending = [(old[neuron], self.links.fabric.tile_of_slot(old[neuron])) for neuron in movers]
        self._trade(*movers)
        for neuron in touched:
            gone = self.routed[neuron] if neuron in movers else self.routed[neuron] - self.needs(neuron)
            ending += [(old[neuron], tile) for tile in sorted(gone)]
            self.routed[neuron] = self.routed[neuron] - gone
        ended = []
        for slot, tile in ending:
            cells = self.links.paths[slot, tile].cells
            ended.append((slot, tile, self.links.remove(slot, tile), cells))
        return ended

    def _lay(self, touched: list[int], movers: tuple[int, int], laid: list[tuple[int, int]]) -> bool:
        """Lay what is missing, noting it in ``laid``; False where a link finds no room."""
        for neuron in movers:
            self.links.add_local(self.place[neuron])
            laid.append((self.place[neuron], self.tile(neuron)))
        for neuron in touched:
            for tile in sorted(self.needs(neuron) - self.routed[neuron]):
                offer = self.links.offer(self.place[neuron], tile)
                if isinstance(offer, Refusal):
                    return False
                self.links.lay(offer)
                laid.append((offer.source, tile))
                self.routed[neuron].add(tile)
        return True

    def _trade(self, a: int, b: int) -> None:
        self.place[a], self.place[b] = self.place[b], self.place[a]
