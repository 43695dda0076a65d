"""Busy random chips and input spikes for the tests of ``model``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import pytest
import torch
from torch import Tensor

from model.fabric import Fabric, FabricOptions
from model.links import Offer
from model.network import Network
from model.neuron import NetworkOptions

CHANNELS, OUTPUTS = 7, 3


class Busy(Protocol):
    """Makes a network with random links, devices and weights that fires at a moderate rate."""

    def __call__(self, options: NetworkOptions, seed: int = 0, gain: float = 1.0) -> tuple[Network, Tensor]: ...


def build(options: NetworkOptions, seed: int, gain: float) -> tuple[Network, Tensor]:
    """A 3 x 3 chip of 5 neurons a tile, one slot in five left free, and its output slots [O]."""
    rng = np.random.default_rng(seed)
    fabric = Fabric(FabricOptions(rows=3, cols=3, neurons_per_tile=5, wires=6, corner_wires=2))
    network = Network(fabric, CHANNELS, options)
    state, links = network.state, network.links
    south = fabric.south_tiles[1]
    outputs = torch.tensor([south * fabric.slots + k for k in range(OUTPUTS)])
    alive = torch.from_numpy(rng.random(fabric.neurons) < 0.8)
    alive[outputs] = True
    state.alive.copy_(alive)
    state.output[outputs] = True
    born = torch.nonzero(alive).flatten().tolist()
    for slot in born:
        links.add_local(slot)
        for tile in rng.permutation(fabric.tiles)[:4].tolist():
            offer = links.offer(slot, tile)
            if tile != fabric.tile_of_slot(slot) and isinstance(offer, Offer):
                links.lay(offer)
    used = (state.source >= 0)[:, :, None] & alive.view(fabric.tiles, 1, -1)
    used &= torch.from_numpy(rng.random(used.shape) < 0.8)
    state.mask.copy_(used)
    drawn = torch.from_numpy(rng.normal(0.15, 0.45, used.shape)) * gain * used
    with torch.no_grad():
        state.weight.copy_(drawn)
    return network, outputs.to(network.device)


@pytest.fixture(scope="session")
def busy() -> Busy:
    """Factory of busy networks: (options, seed, gain) -> network and output slots [O]."""

    def make(options: NetworkOptions, seed: int = 0, gain: float = 1.0) -> tuple[Network, Tensor]:
        return build(options, seed, gain)

    return make


@pytest.fixture(scope="session")
def spikes() -> Callable[..., Tensor]:
    """Factory of input spikes [B, T, I] bool."""

    def draw(seed: int = 0, batch: int = 6, steps: int = 20, rate: float = 0.3) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.rand(batch, steps, CHANNELS, generator=generator) < rate

    return draw
