"""Neurons to tiles by minimum cut: spectral bisection of the chip into halves, then Kernighan-Lin refinement.

The Fiedler vector (of the second smallest eigenvalue of the graph's Laplacian) orders neurons so that neighbours stand
together; a rectangle of tiles is cut in half again and again, and neurons follow in that order (Pothen, Simon & Liou
1990, SIAM J. Matrix Anal. Appl. 11:430). Refinement moves, in each pass, every neuron once, by the best move or
exchange there is even where it costs, and keeps the best moment of the pass (Kernighan & Lin 1970, Bell Syst. Tech. J.
49:291). Small nets are refined from some drawn placements, too, and the cheapest stays. Costs are those of
``model.mapping.cost``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smalti.model.chip.fabric import Fabric
from smalti.model.mapping.cost import Costs, Tiles
from smalti.model.mapping.net import Net

FEW, DRAWN = 64, 8  # neurons up to which so many drawn placements are refined, too: halves of few say little
PASSES = 8  # of refinement, at most
PATIENCE = 40  # moves of a pass in a row without a new best
Room = NDArray[np.int64]
Step = list[tuple[int, int]]  # neurons and the tiles that they move to


def placed(
    net: Net, fabric: Fabric, fixed: dict[int, int], costs: Costs | None = None, room: Room | None = None
) -> Tiles:
    """The tile of every neuron [P].

    Args:
        net: the net.
        fabric: the chip.
        fixed: neuron -> tile, where that is not free.
        costs: of ways between tiles; by default their hops.
        room: slots of every tile that may be taken [K]; by default all of live ones.

    Raises:
        ValueError: the chip has fewer slots than the net has neurons, or a tile fewer than neurons that must be there.
    """
    room = rooms(fabric) if room is None else room
    if net.neurons > room.sum():
        raise ValueError(
            f"{net.neurons} neurons do not fit the {room.sum()} slots of this chip: give fabric.rows, fabric.cols or "
            "fabric.neurons_per_tile more"
        )
    there = np.bincount(list(fixed.values()), minlength=fabric.tiles)
    for tile in np.flatnonzero(there > room).tolist():
        raise ValueError(
            f"{there[tile]} output units do not fit the {room[tile]} free slots of tile {fabric.position(tile)}, and "
            "they must stand in one: give fabric.neurons_per_tile more"
        )
    costs = costs or Costs.of(net, fabric)
    first = [_bisected(net, fabric, fixed, room)]
    if net.neurons <= FEW:
        chance = np.random.default_rng(0)
        first += [_drawn(net, fixed, room, chance) for _ in range(DRAWN)]
    return min((refined(costs, tiles, room, fixed) for tiles in first), key=costs.total)


def rooms(fabric: Fabric) -> Room:
    """Slots of every tile [K]; none of dead ones."""
    room = np.zeros(fabric.tiles, dtype=np.int64)
    room[list(fabric.live_tiles)] = fabric.slots
    return room


def _begun(net: Net, fixed: dict[int, int], room: Room) -> tuple[Tiles, Room]:
    """Tiles of all neurons, -1 of those that are free, and slots that are left."""
    tiles, left = np.full(net.neurons, -1, dtype=np.int64), room.copy()
    for neuron, tile in fixed.items():
        tiles[neuron] = tile
        left[tile] -= 1
    return tiles, left


def _drawn(net: Net, fixed: dict[int, int], room: Room, chance: np.random.Generator) -> Tiles:
    """A placement at random."""
    tiles, left = _begun(net, fixed, room)
    slots = chance.permutation(np.repeat(np.arange(len(left)), left))
    tiles[tiles < 0] = slots[: int((tiles < 0).sum())]
    return tiles


def refined(costs: Costs, tiles: Tiles, room: Room, fixed: dict[int, int]) -> Tiles:
    """A placement that is no dearer, by passes of moves and exchanges."""
    best, lowest = tiles, costs.total(tiles)
    for _ in range(PASSES):
        now, total = _pass(costs, best, room, fixed)
        if total >= lowest - 1e-9:
            return best
        best, lowest = now, total
    return best


def _pass(costs: Costs, tiles: Tiles, room: Room, fixed: dict[int, int]) -> tuple[Tiles, float]:
    """The cheapest placement on a way on which every neuron moves once at most."""
    now, free = tiles, np.ones(len(tiles), dtype=np.bool_)
    free[list(fixed)] = False
    best, lowest, waited = tiles, costs.total(tiles), 0
    while free.any() and waited < PATIENCE:
        change = costs.changes(now)
        full = np.bincount(now, minlength=len(room)) >= room
        steps = _best_steps(change, now, free, full)
        if not steps:
            break
        after = [_moved(now, step) for step in steps]
        totals = [costs.total(tiles) for tiles in after]  # what two neurons share is not in their changes
        chosen = int(np.argmin(totals))
        now, total = after[chosen], totals[chosen]
        free[[neuron for neuron, _ in steps[chosen]]] = False
        waited = 0 if total < lowest - 1e-9 else waited + 1
        if waited == 0:
            best, lowest = now, total
    return best, lowest


def _moved(tiles: Tiles, step: Step) -> Tiles:
    moved = tiles.copy()
    for neuron, tile in step:
        moved[neuron] = tile
    return moved


def _best_steps(
    change: NDArray[np.float64], now: Tiles, free: NDArray[np.bool_], full: NDArray[np.bool_]
) -> list[Step]:
    """The best single move to a tile with room and the best exchange of two neurons, as far as there are such."""
    single = np.where(free[:, None] & ~full, change, np.inf)
    single[np.arange(len(now)), now] = np.inf
    across = change[:, now]  # [P, P] of a neuron to the tile of another
    pairs = across + across.T
    pairs[~free], pairs[:, ~free] = np.inf, np.inf
    pairs[now[:, None] == now] = np.inf
    steps = list[Step]()
    if single.min() < np.inf:
        neuron, tile = divmod(int(single.argmin()), single.shape[1])
        steps.append([(neuron, tile)])
    if pairs.min() < np.inf:
        a, b = divmod(int(pairs.argmin()), len(now))
        steps.append([(a, int(now[b])), (b, int(now[a]))])
    return steps


def _bisected(net: Net, fabric: Fabric, fixed: dict[int, int], room: Room) -> Tiles:
    """A first placement: halves of halves."""
    tiles, left = _begun(net, fixed, room)
    joined = (net.recurrent != 0).astype(np.float64)
    joined = joined + joined.T
    south = np.zeros(net.neurons)  # how far south a neuron wants to be
    south[list(fixed)] = 1.0
    south = south + joined[:, list(fixed)].sum(1) - (net.fan_in != 0).sum(1)
    sides = np.array([fabric.position(entry)[1] for c in range(net.channels) for entry in fabric.entries(c)[:1]])
    inputs = (net.fan_in != 0).astype(np.float64)
    east = (inputs @ sides) / np.maximum(inputs.sum(1), 1)
    region = np.arange(fabric.tiles).reshape(fabric.options.rows, fabric.options.cols)
    _split(np.flatnonzero(tiles < 0), region, left, joined, (south, east), tiles)
    return tiles


def _split(
    neurons: NDArray[np.int64],
    region: NDArray[np.int64],
    left: Room,
    joined: NDArray[np.float64],
    wishes: tuple[NDArray[np.float64], NDArray[np.float64]],
    tiles: Tiles,
) -> None:
    """Put neurons into a rectangle of tiles, in place."""
    if not len(neurons):
        return
    if region.size == 1:
        tiles[neurons] = region.item()
        return
    axis = int(region.shape[1] > region.shape[0])
    first, second = np.array_split(region, 2, axis=axis)
    order = _fiedler(joined[np.ix_(neurons, neurons)])
    wish = wishes[axis][neurons]
    if np.dot(order, wish - wish.mean()) < 0:
        order = -order
    ranked = neurons[np.argsort(order, kind="stable")]
    here, there = int(left[first].sum()), int(left[second].sum())
    share = min(max(round(len(neurons) * here / max(here + there, 1)), len(neurons) - there), here)
    _split(ranked[:share], first, left, joined, wishes, tiles)
    _split(ranked[share:], second, left, joined, wishes, tiles)


def _fiedler(joined: NDArray[np.float64]) -> NDArray[np.float64]:
    """The eigenvector of the second smallest eigenvalue of the Laplacian, of unit sums of weights."""
    if len(joined) < 3:
        return np.arange(len(joined), dtype=np.float64)
    weak = joined + 1e-3  # parts that nothing joins stay together
    np.fill_diagonal(weak, 0.0)
    laplacian = np.diag(weak.sum(1)) - weak
    return np.asarray(np.linalg.eigh(laplacian)[1][:, 1])
