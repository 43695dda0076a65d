"""Links of a net that has places, laid by the chip's own ledger, and a list of what did not fit, and why.

What weighs most is laid first. A link that finds no way takes all synapses with it that it would have carried.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smalti.model.chip.fabric import Fabric
from smalti.model.chip.links import Links, Refusal
from smalti.model.mapping.cost import Costs, Tiles
from smalti.model.mapping.cut import placed
from smalti.model.mapping.net import Flags, Net
from smalti.model.mapping.site import Site

ROUNDS = 4  # of placing and routing
DEARER = 4.0  # hops by which a refusal makes the way between two tiles dearer, for the next round


@dataclass(frozen=True)
class Missing:
    """Synapses that have no wire."""

    source: str  # neuron 3, or channel 5
    tile: int  # in which it is not heard
    synapses: int
    reason: str


@dataclass(frozen=True)
class Mapped:
    """A net on a chip."""

    tiles: Tiles  # [P]
    slots: NDArray[np.int64]  # [P] slot of every neuron, 0..N-1
    links: Links  # laid
    missing: list[Missing]
    lost_inputs: Flags  # [P, I] synapses that are not there
    lost: Flags  # [P, P] likewise

    @property
    def hops(self) -> int:
        """Routing tiles crossed by all links between tiles."""
        neurons = self.links.fabric.neurons
        return sum(path.hops for (source, _), path in self.links.paths.items() if source < neurons)

    @property
    def refused(self) -> int:
        """Links that found no way."""
        return len(self.missing)

    @property
    def synapses_lost(self) -> int:
        """Synapses that are not there."""
        return int(self.lost.sum() + self.lost_inputs.sum())


def mapped(net: Net, fabric: Fabric, outputs: NDArray[np.int64], home: int, site: Site | None = None) -> Mapped:
    """Place and route a net, round by round: ways that were refused become dearer, and the best round counts.

    Args:
        net: the net.
        fabric: the chip.
        outputs: neurons that are its output units [O]; they take the last slots of one tile, in this order.
        home: that tile.
        site: free slots and wires of the chip; by default all are free, and none is dead.

    Raises:
        ValueError: the chip has too few slots, or too few wires for the channels.
    """
    site = site or Site.whole(fabric, net.channels)
    fixed, costs = dict.fromkeys(outputs.tolist(), home), Costs.of(net, fabric)
    best: Mapped | None = None
    for _ in range(ROUNDS):
        now = routed(net, fabric, placed(net, fabric, fixed, costs, site.rooms), outputs, site)
        if best is None or (now.refused, now.hops) < (best.refused, best.hops):
            best = now
        if not now.missing:
            break
        costs = replace(costs, between=costs.between + DEARER * _refusals(net, now, fabric))
    assert best is not None
    return best


def routed(net: Net, fabric: Fabric, tiles: Tiles, outputs: NDArray[np.int64], site: Site | None = None) -> Mapped:
    """Lay the links of a net whose neurons have tiles.

    Args:
        net, fabric, outputs, site: as for ``mapped``.
        tiles: of every neuron [P].
    """
    site = site or Site.whole(fabric, net.channels)
    links, slots = site.links.copy(), slots_of(site, tiles, outputs)
    there = np.eye(fabric.tiles)[tiles]  # [P, K]
    lost_inputs, missing = _unheard(net, site, tiles)
    lost = np.zeros_like(net.recurrent, dtype=np.bool_)
    weight = np.abs(net.recurrent).T @ there  # [P, K] what a neuron would weigh in a tile
    for source in np.flatnonzero(net.fires).tolist():
        links.add_local(int(slots[source]))
        weight[source, tiles[source]] = 0
    heaviest = np.argsort(-weight, axis=None, kind="stable")[: np.count_nonzero(weight)]
    for source, tile in zip(*(each.tolist() for each in np.unravel_index(heaviest, weight.shape)), strict=True):
        offer = links.offer(int(slots[source]), tile)
        if isinstance(offer, Refusal):
            gone = (tiles == tile) & (net.recurrent[:, source] != 0)
            lost[gone, source] = True
            missing.append(Missing(f"neuron {source}", tile, int(gone.sum()), offer.reason))
        else:
            links.lay(offer)
    return Mapped(tiles, slots, links, missing, lost_inputs, lost)


def slots_of(site: Site, tiles: Tiles, outputs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Slots of neurons in their tiles [P]: outputs take the last free ones, all others the first.

    Raises:
        ValueError: a tile has more neurons than free slots.
    """
    slots = np.zeros(len(tiles), dtype=np.int64)
    others = np.setdiff1d(np.arange(len(tiles)), outputs)
    for tile in np.unique(tiles).tolist():
        free, here, units = site.free[tile], others[tiles[others] == tile], outputs[tiles[outputs] == tile]
        if len(here) + len(units) > len(free):
            raise ValueError(
                f"{len(here) + len(units)} neurons do not fit the {len(free)} free slots of tile "
                f"{site.fabric.position(tile)}: give fabric.neurons_per_tile more"
            )
        slots[here], slots[units] = free[: len(here)], free[len(free) - len(units) :]
    return slots


def _unheard(net: Net, site: Site, tiles: Tiles) -> tuple[Flags, list[Missing]]:
    """Synapses of channels onto neurons in tiles that these do not enter."""
    lost, missing, fabric = np.zeros_like(net.fan_in, dtype=np.bool_), list[Missing](), site.fabric
    for channel, entries in enumerate(site.entries(net.channels)):
        heard = net.fan_in[:, channel] != 0
        lost[:, channel] = heard & ~np.isin(tiles, entries)
        where = " and ".join(str(fabric.position(tile)) for tile in entries)
        why = f"it enters tile {where} alone" if entries else "its rows or wires are dead"
        for tile in np.unique(tiles[lost[:, channel]]).tolist():
            count = int((lost[:, channel] & (tiles == tile)).sum())
            missing.append(Missing(f"channel {channel}", tile, count, why))
    return lost, missing


def _refusals(net: Net, now: Mapped, fabric: Fabric) -> NDArray[np.float64]:
    """How many links were refused from one tile to another [K, K]."""
    counts = np.zeros((fabric.tiles, fabric.tiles))
    for source in np.flatnonzero(now.lost.any(0)).tolist():
        for tile in np.unique(now.tiles[now.lost[:, source]]).tolist():
            counts[now.tiles[source], tile] += 1
    return counts
