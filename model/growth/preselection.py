"""Which tiles to ask for candidates on a large chip: a score that costs nothing beyond the probe's own backward pass.

The weight gradient of a row holds E sum_t delta[t+1] z[t] for every neuron of its tile, wired to it or not: GradMax's
matrix (``model.growth.signal``) with unfiltered traces. Divided by how often the row spikes, its square says how much
that wire could still tell the tile; a newborn's tile is worth what the tiles within its reach could be told.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from smalti.model.network import Network
from smalti.model.probe import Probe


def tile_scores(network: Network, probe: Probe, input_spikes: Tensor, members: Tensor) -> Tensor:
    """Score of every tile [K], 0 or more.

    Args:
        network, probe: of the expert that shall grow.
        input_spikes: input spikes of every channel in the probe batch [I].
        members: slots that newborns may drive [Q].
    """
    fabric, state = network.fabric, network.state
    is_target = torch.zeros(fabric.neurons, dtype=torch.bool)
    is_target[members] = True
    squares = (probe.gradient.square() * is_target.view(fabric.tiles, 1, -1)).sum(2)  # [K, R]
    spikes = torch.cat([probe.counts.sum(1), input_spikes.to(probe.counts)]).clamp(min=1)
    scores = (squares / spikes[state.source.clamp(min=0)] * (state.source >= 0)).sum(1)
    reach = [[tile, *fabric.neighbours(tile)] for tile in range(fabric.tiles)]
    return torch.stack([scores[tiles].sum() for tiles in reach])


def preselect(scores: Tensor, tiles: Sequence[int], count: int) -> frozenset[int]:
    """The ``count`` best of these tiles; of equals the first."""
    order = scores[list(tiles)].argsort(descending=True, stable=True)[:count]
    return frozenset(tiles[k] for k in order.tolist())
