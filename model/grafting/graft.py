"""Birth and death on the chip, and the only functions that switch devices on and off.

A graft fills in one column (the newborn's fan-in) and the newborn's rows (its fan-out). Optimiser state of those
devices starts fresh, that of all others is left alone. With zero fan-out the function of the network stays the same
bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from smalti.model.kinds import Cell
from smalti.model.network import Network
from smalti.model.optimiser import Devices, Moments


@dataclass(frozen=True)
class Birth:
    """A neuron to be born; its links have been laid."""

    slot: int
    output: bool  # an output unit instead of a spiking neuron
    sources: Tensor  # [P] int: what it listens to
    fan_in: Tensor  # [P] float
    targets: Tensor  # [Q] int: living slots that it drives, in tiles that it reaches
    fan_out: Tensor  # [Q] float
    cell: Cell | None = None  # constants of a hidden neuron; None for one without a kind, and for outputs


def graft(network: Network, birth: Birth, moments: Moments) -> None:
    """Bring a neuron to life."""
    state, fabric = network.state, network.fabric
    tile, column = divmod(birth.slot, fabric.slots)
    assert not state.alive[birth.slot], birth.slot
    state.alive[birth.slot] = True
    state.output[birth.slot] = birth.output
    state.become(birth.slot, birth.cell or network.options.plain_cell)
    sources, targets = birth.sources.tolist(), birth.targets
    tiles = torch.cat([torch.full((len(sources),), tile), targets // fabric.slots])
    rows = _rows(network, [*sources, *[birth.slot] * len(targets)], tiles.tolist())
    columns = torch.cat([torch.full((len(sources),), column), targets % fabric.slots])
    fresh = tiles.to(rows), rows, columns.to(rows)
    with torch.no_grad():
        state.weight[fresh] = torch.cat([birth.fan_in.to(state.weight), birth.fan_out.to(state.weight)])
    switch_on(network, fresh, moments)


def retire(network: Network, slot: int, moments: Moments) -> list[tuple[int, int]]:
    """Take a neuron off the chip: its devices, its links and its slot are free again.

    So are the routed links that drove nobody else in its tile.

    Returns:
        The links taken away, as (source, tile).
    """
    state, links, ending = network.state, network.links, links_ending(network, slot)
    tile, column = divmod(slot, network.fabric.slots)
    gone = torch.zeros_like(state.mask)
    gone[tile, :, column] = True
    for source, target in ending:
        gone[target, links.remove(source, target)] = True
    switch_off(network, gone, moments)
    state.alive[slot] = False
    state.output[slot] = False
    state.become(slot, network.options.plain_cell)
    return ending


def cut(network: Network, links: Sequence[tuple[int, int]], moments: Moments) -> None:
    """Take links (source, tile) off the chip, with their devices; neurons stay."""
    gone = torch.zeros_like(network.state.mask)
    for source, tile in links:
        gone[tile, network.links.remove(source, tile)] = True
    switch_off(network, gone, moments)


def links_ending(network: Network, slot: int) -> list[tuple[int, int]]:
    """Links that end with a neuron, as (source, tile): its own, and routed ones that drive nobody else in its tile."""
    tile, column = divmod(slot, network.fabric.slots)
    return [(slot, target) for target in network.links.of(slot)] + _only_heard_by(network, tile, column)


def rehear(network: Network, slot: int, sources: Tensor, fan_in: Tensor, moments: Moments) -> None:
    """Let a living unit hear these sources [P] with these weights [P], and nobody else; their links have been laid.

    Links to whom it heard so far stay as they are (``release``).
    """
    tile, column = divmod(slot, network.fabric.slots)
    former, fresh = (torch.zeros_like(network.state.mask) for _ in range(2))
    former[tile, :, column] = True
    switch_off(network, former & network.state.mask, moments)
    rows = _rows(network, sources.tolist(), [tile] * len(sources))
    with torch.no_grad():
        network.state.weight[tile, rows, column] = fan_in.to(network.state.weight)
    fresh[tile, rows, column] = True
    switch_on(network, fresh, moments)


def release(network: Network, sources: Sequence[int], tile: int) -> None:
    """Take away those of the routed links of these sources into a tile that drive nobody there."""
    links, mask = network.links, network.state.mask
    for source in sources:
        if links.kind(source, tile) == "routed" and not bool(mask[tile, links.rows[source, tile]].any()):
            links.remove(source, tile)


def introduce(
    network: Network,
    newborns: Sequence[int],
    moments: Moments,
    spread: float = 0.0,
    chance: np.random.Generator | None = None,
) -> None:
    """Let neurons that were born together hear each other, and themselves, wherever their links reach.

    A newborn drives those that were there before it; without this, what is born at once has no loops. Weights are 0,
    or Gaussian with standard deviation ``spread`` where random numbers are given.
    """
    state, slots, links = network.state, network.fabric.slots, network.links
    fresh = torch.zeros_like(state.mask)
    for slot in newborns:
        for tile in links.of(slot):
            columns = [other % slots for other in newborns if other // slots == tile]
            fresh[tile, links.rows[slot, tile], columns] = True
    fresh &= ~state.mask
    if chance is not None:
        weights = torch.from_numpy(chance.normal(0.0, spread, int(fresh.sum())))
        with torch.no_grad():
            state.weight[fresh] = weights.to(state.weight)
    switch_on(network, fresh, moments)


def switch_on(network: Network, devices: Devices, moments: Moments) -> None:
    """Take devices into use with the weights they have; their optimiser state starts fresh."""
    network.state.mask[devices] = True
    moments.reset(devices)


def switch_off(network: Network, devices: Tensor, moments: Moments) -> None:
    """Take devices [K, R, n] bool out of use: no weight, no protection, no stage, no optimiser state."""
    with torch.no_grad():
        network.state.weight.masked_fill_(devices, 0)
    for flags in (network.state.mask, network.state.frozen):
        flags.masked_fill_(devices, False)
    network.state.stage.masked_fill_(devices, 0)
    moments.reset(devices)


def guarded(network: Network, plastic: Tensor | None = None) -> Tensor:
    """Devices to be protected from learning [K, R, n] bool: all in use, or all but the fan-in of plastic neurons.

    Args:
        network: the network.
        plastic: neurons that go on learning [N] bool.
    """
    mask = network.state.mask
    if plastic is None:
        return mask.clone()
    return mask & ~plastic.view(network.fabric.tiles, 1, network.fabric.slots)


def freeze(network: Network, plastic: Tensor | None = None) -> None:
    """Set ``state.frozen`` to the devices that are ``guarded``; arguments as there."""
    network.state.frozen.copy_(guarded(network, plastic))


def _only_heard_by(network: Network, tile: int, column: int) -> list[tuple[int, int]]:
    """Routed links into a tile, as (source, tile), that drive this column and no other."""
    mask, links = network.state.mask[tile], network.links
    alone = mask[:, column] & (mask.sum(1) == 1)
    sources = [int(network.state.source[tile, row]) for row in torch.nonzero(alone).flatten().tolist()]
    return [(source, tile) for source in sources if source >= 0 and links.kind(source, tile) == "routed"]


def _rows(network: Network, sources: Sequence[int], tiles: Sequence[int]) -> Tensor:
    rows = [network.links.rows[pair] for pair in zip(sources, tiles, strict=True)]
    return torch.tensor(rows, dtype=torch.int64, device=network.device)
