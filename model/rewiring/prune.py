"""Pruning: devices that do little leave the crossbars, and links without a device give their rows and wires back.

One rule for both kinds: a device goes when its score is below a share of the mean score of the devices by which its
neuron hears others. By magnitude the score is |w|, and what weighs nothing goes too, though one device stays; a
threshold relative to the weights around is that of Han et al. 2015 (arXiv 1506.02626), who take a multiple of the
standard deviation of a layer. By activity it is |w| times the rate
of the source, compared within a neuron's fan-in: Wanda's score (Sun et al. 2023, arXiv 2306.11695) with spikes for
activations. Devices of silent sources score nothing and go, unless all sources of the neuron are silent.

Local rows and those of input channels stay when they are empty: they take no wire that another could use, and
newborns find them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from smalti.model.grafting.graft import switch_off
from smalti.model.rewiring.options import RewiringOptions
from smalti.model.rewiring.scope import Changes, Scope, expendable, foreign


def prune_magnitude(scope: Scope, options: RewiringOptions, generator: np.random.Generator) -> Changes:
    """Remove devices with small weights; draws no random number."""
    weight = scope.network.state.weight.detach().abs().double()
    return _prune(scope, weight, options.magnitude, options.guard, idle=True)


def prune_activity(scope: Scope, options: RewiringOptions, generator: np.random.Generator) -> Changes:
    """Remove devices through which little comes; draws no random number."""
    source = scope.network.state.source
    rate = torch.where(source < 0, 0.0, scope.rate[source]).to(scope.network.device)
    contribution = scope.network.state.weight.detach().abs().double() * rate[:, :, None]
    return _prune(scope, contribution, options.activity, options.guard)


def _prune(scope: Scope, score: Tensor, share: float, guard: int, idle: bool = False) -> Changes:
    """Remove what scores below the share of the mean within a fan-in.

    Args:
        scope: the part in training.
        score: worth of every device [K, R, n] float64.
        share: 0..1.
        guard: steps that a device must have taken.
        idle: whether what scores nothing goes where all of the fan-in does.
    """
    network = scope.network
    from_others = foreign(network)
    mean = (score * from_others).sum(1, keepdim=True) / from_others.sum(1, keepdim=True).clamp(min=1)
    little = score < share * mean
    gone = expendable(scope, score, guard) & (little | (score == 0) if idle else little)
    emptied = gone.any(2) & ~(network.state.mask & ~gone).any(2)
    switch_off(network, gone, scope.moments)
    for tile, row in torch.nonzero(emptied).tolist():
        source = int(network.state.source[tile, row])
        if network.links.kind(source, tile) == "routed":
            network.links.remove(source, tile)
    return Changes(pruned=int(gone.sum()))
