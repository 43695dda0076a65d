"""Busy random chips, input spikes, and the network as a plain loop over time, for the tests of ``model``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pytest
import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import Offer
from smalti.model.network import Activity, Network
from smalti.model.neuron import NetworkOptions

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


class Spike(torch.autograd.Function):
    """Step whose derivative is the surrogate of the options, written anew."""

    @staticmethod
    def forward(ctx: Any, distance: Tensor, options: NetworkOptions) -> Tensor:
        ctx.save_for_backward(distance)
        ctx.options = options
        return (distance >= 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (distance,), options = ctx.saved_tensors, ctx.options
        far = distance.abs()
        if options.surrogate == "triangle":
            slope = torch.where(far < options.surrogate_width, 1 - far / options.surrogate_width, 0.0)
        else:
            slope = torch.where(far < options.surrogate_width, (1 + options.surrogate_slope * far) ** -2, 0.0)
        return gradients[0] * slope * options.surrogate_height, None


class Oracle:
    """The network by a plain loop over time and torch's autograd, which know neither tiles nor events."""

    def matrix(self, network: Network, weight: Tensor) -> Tensor:
        """All crossbars as one matrix [N + I, N] from sources to neurons; differentiable in the devices."""
        total = network.fabric.neurons + network.channels
        source = network.state.source.to(weight.device)
        columns = []
        for devices, sources in zip(weight, source, strict=True):
            rows = torch.where(sources < 0, total, sources)
            columns.append(weight.new_zeros(total + 1, weight.shape[2]).index_add(0, rows, devices)[:total])
        return torch.cat(columns, 1)

    def fires(self, network: Network, running: Tensor | None = None) -> Tensor:
        """Neurons that may fire [N] bool."""
        state = network.state
        fires = state.alive if running is None else state.alive & running
        return fires if network.options.readout == "spike_count" else fires & ~state.output

    def loop(
        self,
        network: Network,
        weights: Tensor,
        x: Tensor,
        running: Tensor | None = None,
        extra: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Membranes and spikes [T, B, N] from the matrix of all links and extra current."""
        options, state = network.options, network.state
        fires = self.fires(network, running)
        threshold = torch.tensor(options.threshold, dtype=weights.dtype, device=weights.device)
        leak = torch.where(
            state.output,
            torch.tensor(options.output_leak, dtype=weights.dtype, device=weights.device),
            torch.tensor(options.leak, dtype=weights.dtype, device=weights.device),
        )
        v = s = weights.new_zeros(x.shape[0], network.fabric.neurons)
        membranes, spikes = [], []
        for t in range(x.shape[1]):
            drive = torch.cat([s, x[:, t].to(weights)], 1) @ weights
            drive = drive if extra is None else drive + extra[t]
            fired = s if options.reset_gradient else s.detach()
            kept = v * leak
            v = (kept * (1 - fired) if options.reset == "hard" else kept - options.threshold * fired) + drive
            s = self.spike(v - threshold, options) * fires
            membranes.append(v)
            spikes.append(s)
        return torch.stack(membranes), torch.stack(spikes)

    def spike(self, distance: Tensor, options: NetworkOptions) -> Tensor:
        """Spikes of membranes at these distances V - theta, differentiable by the surrogate."""
        return Spike.apply(distance, options)  # type: ignore[no-untyped-call,no-any-return]

    def run(
        self, network: Network, weight: Tensor, x: Tensor, outputs: Tensor, running: Tensor | None = None
    ) -> Activity:
        """What ``Network.run`` should give."""
        membranes, fired = self.loop(network, self.matrix(network, weight), x, running)
        return Activity(outputs, membranes[..., outputs].transpose(1, 2), fired.sum(0).T)

    def objective(self, network: Network, activity: Activity) -> Tensor:
        """A loss that looks at outputs and at all spike counts."""
        logits = network.read(activity)
        classes = torch.arange(logits.shape[0], device=logits.device) % logits.shape[1]
        shares = torch.linspace(0.3, 1.1, activity.counts.shape[0], dtype=logits.dtype, device=logits.device)
        penalty = (activity.counts / activity.membrane.shape[0] - 0.1).square().mean(1) @ shares
        return torch.nn.functional.cross_entropy(logits, classes) + penalty

    def gradient(self, network: Network, activity: Activity) -> Tensor:
        """Weight gradient of that loss [K, R, n]."""
        (gradient,) = torch.autograd.grad(self.objective(network, activity), network.state.weight)
        return gradient

    def nudge(
        self, network: Network, x: Tensor, running: Tensor | None = None, margin: float = 1e-6, tries: int = 50
    ) -> Tensor | None:
        """Change the weights a little until rounding can decide no spike, nor what has a gradient.

        Membranes at rest are zero in all engines, without rounding; and a triangle has no edge to fall over.

        Returns:
            Share of spikes among the neurons that may fire; None where all tries failed.
        """
        weight, options = network.state.weight, network.options
        fires = self.fires(network, running)
        for _ in range(tries):
            membranes, spikes = self.loop(network, self.matrix(network, weight.detach()), x, running)
            reached = membranes[..., fires]
            distance = (reached[reached != 0] - options.threshold).abs()
            close = distance < margin
            if options.surrogate == "fast_sigmoid":
                close |= (distance - options.surrogate_width).abs() < margin / 1000
            if not close.any():
                return spikes[..., fires].mean()
            with torch.no_grad():
                weight.mul_(1.001)
        return None


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    """The network by a plain loop."""
    return Oracle()
