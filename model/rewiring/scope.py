"""What a step of rewiring may touch, what it knows, and what it reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from smalti.model.network import Network
from smalti.model.optimiser import Moments


@dataclass(frozen=True)
class Scope:
    """A network and the part of it that is in training."""

    network: Network
    moments: Moments
    members: Tensor  # [N] bool: neurons and outputs whose fan-in may change; no other expert depends on them
    hears: Tensor  # [N + I] bool: sources that members may listen to
    running: Tensor  # [N] bool: neurons that took part in the round
    rate: Tensor  # [N + I] float64: spikes per sample of every source in the round, 0 for those that did not run
    known: tuple[Tensor, ...] = ()  # [K, R, n] each: what else is known of devices and moves along with neurons


@dataclass(frozen=True)
class Changes:
    """What rewiring has done."""

    pruned: int = 0  # devices
    rewired: int = 0  # links
    moved: Mapping[int, int] = field(default_factory=dict)  # slot before -> slot now

    def __add__(self, other: Changes) -> Changes:
        """Both, the moves of one of them at most."""
        assert not (self.moved and other.moved)
        return Changes(self.pruned + other.pruned, self.rewired + other.rewired, {**self.moved, **other.moved})


def foreign(network: Network) -> Tensor:
    """Devices in use by which a neuron hears somebody else [K, R, n] bool: all but those from itself."""
    tiles, _, slots = network.state.mask.shape
    columns = torch.arange(tiles * slots, device=network.device).view(tiles, 1, slots)
    return network.state.mask & (network.state.source.to(network.device)[:, :, None] != columns)


def expendable(scope: Scope, score: Tensor, guard: int) -> Tensor:
    """Devices that may go [K, R, n] bool: in members, plastic, old enough, and not the best way into their neuron.

    So no neuron loses all that leads into it: of the devices from others, that with the highest score stays, and of
    those that are all worth nothing the first.

    Args:
        scope: the part in training.
        score: worth of every device [K, R, n], not negative.
        guard: steps that a device must have taken.
    """
    state, fabric = scope.network.state, scope.network.fabric
    members = scope.members.to(state.mask.device).view(fabric.tiles, 1, fabric.slots)
    best, first = score.masked_fill(~foreign(scope.network), -1).max(1, keepdim=True)
    idle = (score == 0) & torch.ones_like(state.mask).scatter_(1, first, value=False)
    return state.mask & ~state.frozen & members & (scope.moments.count >= guard) & ((score < best) | idle)
