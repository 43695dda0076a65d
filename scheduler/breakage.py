"""Faults meet a run: tiles that are dead from the start are left out of the chip, later ones take away what lies there.

Where faults are known, hidden neurons in slots that died are retired, and links that lie on dead rows or wires are
taken away with their devices. An input channel whose row or wire died gets another of the same tile, if one is left,
and nobody listens to it there yet. Outputs stay in their slots, known to be dead or not: they say nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smalti.model.chip.fabric import Fabric
from smalti.model.chip.faults import FaultMap, fault_map
from smalti.model.graft import cut
from smalti.scheduler.config import Config
from smalti.scheduler.growth.grower import Grower


def fabric_of(config: Config) -> Fabric:
    """The chip, without the tiles that are known to be dead from the start."""
    fabric, options = Fabric(config.fabric), config.faults
    found = fault_map(options, fabric)
    if found is None or not found.tiles or not options.known or options.at_round:
        return fabric
    dead = {*config.fabric.dead_tiles, *(fabric.position(tile) for tile in found.tiles)}
    return Fabric(replace(config.fabric, dead_tiles=tuple(sorted(dead))))


def strike(grower: Grower, faults: FaultMap, known: bool) -> int:
    """Let faults come; neurons lost are those that the grower has ``bought``.

    Args:
        grower: of the network that they strike.
        faults: which.
        known: whether the chip's mapper is told.

    Returns:
        How many links were taken away.
    """
    network, links = grower.network, grower.network.links
    network.strike(faults, known)
    if not known:
        return 0
    before, state = len(links.rows), network.state
    hidden = (state.alive & ~state.output).cpu().numpy()
    grower.buy(np.flatnonzero(hidden & faults.unusable(network.fabric)).tolist())
    dead = [key for key in links.silent() if links.kind(*key) != "local"]
    cut(network, dead, grower.moments)
    lost = before - len(links.rows)
    for source, tile in dead:
        if links.kind(source, tile) == "input":
            links.relay_input(source, tile)
    return lost
