"""Faults meet a run: tiles that are dead from the start are left out of the chip, later ones take away what lies there.

Where faults are known, hidden neurons in slots that died are retired, and links that lie on dead rows or wires are
taken away with their devices. With ``faults.heal = "relay"`` they are laid again where there is room; with
``"auction"`` they are remembered for the repairs of old experts (``scheduler.protocols.healing``). An input channel
that is not laid again gets another row of the same tile, if one is left, with all devices out of use: those who are
born later may hear it there. Outputs stay in their slots, known to be dead or not: they say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric
from smalti.model.chip.faults import FaultMap, FaultsOptions, Heal, fault_map
from smalti.model.grafting.graft import cut
from smalti.model.grafting.healing import Remembered, relay, remember, speaking
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth.grower import Grower


def fabric_of(config: Config) -> Fabric:
    """The chip, without the tiles that are known to be dead from the start."""
    fabric, options = Fabric(config.fabric), config.faults
    found = fault_map(options, fabric)
    if found is None or not found.tiles or not options.known or options.at_round:
        return fabric
    dead = {*config.fabric.dead_tiles, *(fabric.position(tile) for tile in found.tiles)}
    return Fabric(replace(config.fabric, dead_tiles=tuple(sorted(dead))))


class Damage(NamedTuple):
    """What faults did."""

    lost: int = 0  # links taken away
    relaid: int = 0  # of them laid again
    links: tuple[Remembered, ...] = ()  # those that an auction may lay again, the strongest first


def come(
    grower: Grower, faults: FaultMap | None, options: FaultsOptions, number: int, devices: Sequence[Tensor]
) -> Damage:
    """Let faults come whose round it is, after the first; ``devices`` are as in ``strike``."""
    if faults is None or not 0 < options.at_round == number:
        return Damage()
    return strike(grower, faults, options.known, options.heal, devices)


def strike(
    grower: Grower,
    faults: FaultMap,
    known: bool,
    heal: Heal = "none",
    devices: Sequence[Tensor] = (),
) -> Damage:
    """Let faults come; neurons lost are those that the grower has ``bought``.

    Args:
        grower: of the network that they strike.
        faults: which.
        known: whether the chip's mapper is told.
        heal: what becomes of links that lie on what is dead, if it is.
        devices: what is known of devices beside the chip and the optimiser, [K, R, n] each: it goes along.
    """
    network, links = grower.network, grower.network.links
    network.strike(faults, known)
    if not known:
        return Damage()
    before, state, spoke = len(links.rows), network.state, speaking(network)
    hidden = (state.alive & ~state.output).cpu().numpy()
    grower.buy(np.flatnonzero(hidden & faults.unusable(network.fabric)).tolist())
    dead = [key for key in links.silent() if links.kind(*key) != "local"]
    remembered = [] if heal == "none" else remember(network, dead, grower.moments, devices)
    cut(network, dead, grower.moments)
    lost = before - len(links.rows)
    relaid = relay(network, remembered, grower.moments, devices) if heal == "relay" else 0
    for source, tile in dead:
        if links.kind(source, tile) == "input" and (source, tile) not in links.rows:
            links.relay_input(source, tile)
    if heal == "relay":
        retire_orphans(grower, spoke)
    return Damage(lost, relaid, tuple(remembered) if heal == "auction" else ())


def retire_orphans(grower: Grower, spoke: Tensor) -> None:
    """Retire hidden neurons that drove somebody [N] bool and drive nobody now, and whom only such heard."""
    state = grower.network.state
    while True:
        hidden = (state.alive & ~state.output).cpu()
        orphans = torch.nonzero(hidden & spoke & ~speaking(grower.network)).flatten().tolist()
        if not orphans:
            return
        grower.buy(orphans)
