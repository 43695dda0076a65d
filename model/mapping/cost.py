"""What a placement costs, and by how much each move of a neuron would change that: counts of hops, vectorised.

A neuron needs one link for each other tile in which it is heard, whoever hears it there, so synapses are not cut one by
one: the cost is the hops of all links, (neuron, tile), as of a hypergraph. A channel is heard only in the tiles that it
enters; every synapse of one elsewhere costs ``AWAY``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smalti.model.chip.fabric import Fabric
from smalti.model.chip.routes import hops
from smalti.model.mapping.net import Net

Tiles = NDArray[np.int64]
AWAY = 40.0  # hops that a synapse is worth which no wire can reach
SYNAPSE = 0.05  # hops for every hop of a synapse by itself: a link goes only with its last one, and this leads there


@dataclass(frozen=True)
class Costs:
    """A net, a chip, and the price of every way between two tiles."""

    heard: NDArray[np.float64]  # [P, P] 1 where a neuron (row) hears another (column)
    away: NDArray[np.float64]  # [P, K] cost of the channels that a neuron hears and that do not enter a tile
    between: NDArray[np.float64]  # [K, K] cost of a link from one tile to another

    @staticmethod
    def of(net: Net, fabric: Fabric) -> Costs:
        """Hops between tiles, and what channels cost."""
        enters = np.zeros((net.channels, fabric.tiles))
        for channel in range(net.channels):
            enters[channel, list(fabric.entries(channel))] = 1
        every = range(fabric.tiles)
        between = np.array([[hops(fabric, a, b) for b in every] for a in every], dtype=np.float64)
        away = AWAY * ((net.fan_in != 0).astype(np.float64) @ (1 - enters))
        heard = (net.recurrent != 0).astype(np.float64)
        np.fill_diagonal(heard, 0)  # a neuron is always where it hears itself
        return Costs(heard, away, between)

    def targets(self, tiles: Tiles) -> NDArray[np.float64]:
        """Neurons in each tile that hear a neuron [P, K]."""
        return self.heard.T @ np.eye(len(self.between))[tiles]

    def hops(self, tiles: Tiles) -> float:
        """Of all links."""
        return float(((self.targets(tiles) > 0) * self.between[tiles]).sum())

    def total(self, tiles: Tiles) -> float:
        """Hops of all links, what cannot be heard, and a little for every synapse."""
        synapses = (self.targets(tiles) * self.between[tiles]).sum()
        return float(self.hops(tiles) + self.away[np.arange(len(tiles)), tiles].sum() + SYNAPSE * synapses)

    def changes(self, tiles: Tiles) -> NDArray[np.float64]:
        """By how much the cost changes if a neuron moves to a tile [P, K], all others staying where they are."""
        place, here = np.arange(len(tiles)), self.between[tiles]  # [P, K] from the tile of each neuron
        targets = self.targets(tiles)
        links = (targets > 0).astype(np.float64)
        moved = links @ self.between.T  # of its own links, sent from another tile
        arrives = self.heard @ ((targets == 0) * here)  # links that are new where it comes
        leaves = self.heard * ((targets == 1) * here)[:, tiles].T  # links that end with it
        stays = moved[place, tiles] + self.away[place, tiles]
        change = moved + arrives + self.away - (stays + leaves.sum(1))[:, None]
        synapses = self.heard @ here + targets @ self.between.T
        change += SYNAPSE * (synapses - synapses[place, tiles][:, None])
        change[place, tiles] = 0
        return np.asarray(change)
