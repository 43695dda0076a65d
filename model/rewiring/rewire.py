"""Rewiring: the weakest links are laid elsewhere, with as many links as before at every distance.

DEEP R (Bellec et al. 2018, arXiv 1711.05136) drops connections that have become weak, draws as many dormant ones at
random and starts them at zero. Made aware of routing (Weber, Ballet, Payvand 2024, arXiv 2412.01575), a connection
is a link, and every source tile has a budget of links for every hop distance. Here that budget is what there is: a link
is laid anew from the same tile over as many routing tiles, or stays where no other place has rows and wires. DEEP R
ends a connection when its weight crosses zero; here a fixed share of the links goes, the weakest first, as in SET
(Mocanu et al. 2018, arXiv 1707.04780). The network keeps its size: a baseline for growth.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from smalti.model.chip.links import Offer
from smalti.model.grafting.graft import switch_off, switch_on
from smalti.model.rewiring.options import RewiringOptions
from smalti.model.rewiring.scope import Changes, Scope, expendable


def rewire(scope: Scope, options: RewiringOptions, generator: np.random.Generator) -> Changes:
    """Lay the weakest links of the expert in training elsewhere; new devices start at zero.

    A link may go when all of its devices may: none frozen, too young, of another expert, or the strongest way into its
    neuron.
    """
    links = scope.network.links
    worth = scope.network.state.weight.detach().abs().double()
    ours, may_go = _candidates(scope, expendable(scope, worth, options.guard))
    strength = worth.sum(2).cpu()
    weakest = sorted(may_go, key=lambda key: (float(strength[key[1], links.rows[key]]), key))
    count = int(options.rewired * len(ours))
    seen = set(links.rows)
    return Changes(rewired=sum(_relay(scope, source, tile, seen, generator) for source, tile in weakest[:count]))


def _candidates(scope: Scope, expendable: Tensor) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Routed links, as (source, tile), that drive members; and those of them that may go."""
    state, links, fabric = scope.network.state, scope.network.links, scope.network.fabric
    members = scope.members.to(state.mask.device).view(fabric.tiles, 1, fabric.slots)
    ours = (state.mask & members).any(2).cpu()
    may_go = ours & ~(state.mask & ~expendable).any(2).cpu()
    routed = [key for key in links.rows if links.kind(*key) == "routed"]
    return [k for k in routed if ours[k[1], links.rows[k]]], [k for k in routed if may_go[k[1], links.rows[k]]]


def _relay(scope: Scope, source: int, tile: int, seen: set[tuple[int, int]], generator: np.random.Generator) -> bool:
    """Lay one link where none of this round has been ``seen``; whether there was such a place."""
    network, links = scope.network, scope.network.links
    path, row = links.paths[source, tile], links.rows[source, tile]
    places = [key for key in _places(scope, network.fabric.tile_of_slot(source)) if key not in seen]
    links.remove(source, tile)
    for choice in generator.permutation(len(places)):
        offer = links.offer(*places[choice])
        if isinstance(offer, Offer) and offer.path.hops == path.hops:
            gone = torch.zeros_like(network.state.mask)
            gone[tile, row] = network.state.mask[tile, row]
            switch_off(network, gone, scope.moments)
            fresh = torch.zeros_like(network.state.mask)
            slots = network.fabric.slots
            columns = scope.members[offer.tile * slots : (offer.tile + 1) * slots]
            fresh[offer.tile, links.lay(offer)] = columns.to(fresh.device)
            switch_on(network, fresh, scope.moments)
            seen.add((offer.source, offer.tile))
            return True
    links.restore(source, tile, row, path.cells)
    return False


def _places(scope: Scope, start: int) -> list[tuple[int, int]]:
    """Links, as (source, tile), that could lead from a tile to members elsewhere."""
    fabric = scope.network.fabric
    sources = torch.nonzero(scope.hears[: fabric.neurons]).flatten().tolist()
    here = [s for s in sources if fabric.tile_of_slot(s) == start]
    tiles = torch.nonzero(scope.members.view(fabric.tiles, fabric.slots).any(1)).flatten().tolist()
    return [(s, t) for s in here for t in tiles if t != start]
