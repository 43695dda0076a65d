"""Busy random chips, input spikes, places where a neuron can be born, and the network as a plain loop over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import Offer
from smalti.model.grafting.graft import Birth, graft
from smalti.model.growth.newborns.proposal import Proposal
from smalti.model.growth.signal import TileSignal, Traces, tile_signal
from smalti.model.growth.surroundings import distances, inputs_of, usual_norms
from smalti.model.kinds import Cell, draw_cell
from smalti.model.network import Activity, Network
from smalti.model.neuron import NetworkOptions
from smalti.model.optimiser import Moments
from smalti.model.probe import Kernel, Probe

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
    give_kinds(network, seed)
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


def give_kinds(network: Network, seed: int) -> None:
    """Make the hidden neurons of the kinds that there are, in turn."""
    state, kinds, rng = network.state, list(network.options.kinds.values()), np.random.default_rng(seed)
    for slot in torch.nonzero(state.alive & ~state.output).flatten().tolist() if kinds else ():
        number = slot % len(kinds)
        state.become(slot, draw_cell(number, kinds[number], rng))


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
            state.leak.to(weights),
        )
        hidden = ~state.output
        synapse, strength, recovery = (c.to(weights) * hidden for c in (state.synapse, state.strength, state.recovery))
        v = s = current = trace = weights.new_zeros(x.shape[0], network.fabric.neurons)
        membranes, spikes = [], []
        for t in range(x.shape[1]):
            drive = torch.cat([s, x[:, t].to(weights)], 1) @ weights
            drive = current = synapse * current + (drive if extra is None else drive + extra[t])
            trace = recovery * trace + s
            fired = s if options.reset_gradient else s.detach()
            kept = v * leak
            v = (kept * (1 - fired) if options.reset == "hard" else kept - options.threshold * fired) + drive
            s = self.spike(v - strength * trace - threshold, options) * fires
            membranes.append(v)
            spikes.append(s)
        return torch.stack(membranes), torch.stack(spikes)

    def potential(self, network: Network, membranes: Tensor, spikes: Tensor) -> Tensor:
        """What is compared with the threshold [T, B, N]: membranes less what earlier spikes have raised it by."""
        state, trace, potentials = network.state, torch.zeros_like(membranes[0]), []
        for t, membrane in enumerate(membranes):
            trace = state.recovery.to(trace) * trace + (spikes[t - 1] if t else 0)
            potentials.append(membrane - state.strength.to(trace) * trace)
        return torch.stack(potentials)

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
            reached = self.potential(network, membranes, spikes)[..., fires]
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


@dataclass
class Site:
    """A busy chip, a batch, and what is needed to grow on it."""

    network: Network
    outputs: Tensor  # [O]
    x: Tensor  # [B, T, I]
    target: Tensor  # [B]
    moments: Moments

    def losses(self, logits: Tensor) -> Tensor:
        """Cross-entropy of each sample [B]."""
        return cross_entropy(logits, self.target, reduction="none")

    def probe(self) -> Probe:
        """Spikes and adjoints of the batch."""
        return self.network.probe(self.x, self.outputs, self.losses)

    def free_slots(self) -> list[int]:
        """Slots without a neuron."""
        return torch.nonzero(~self.network.state.alive).flatten().tolist()

    def signal(self, slot: int, taps: int = 2, among: Tensor | None = None) -> TileSignal:
        """Growth signal of the slot's tile, with some new taps, onto all neurons (or those among some) within reach."""
        network, fabric = self.network, self.network.fabric
        links, tile = network.links, fabric.tile_of_slot(slot)
        present = [s for s in network.state.source[tile].tolist() if s >= 0]
        alive = torch.nonzero(network.state.alive).flatten()
        able = [s for s in alive.tolist() if fabric.tile_of_slot(s) != tile and (s, tile) not in links.rows]
        new = [s for s in able if isinstance(links.offer(s, tile), Offer)][:taps]
        near = [t for t in fabric.neighbours(tile) if isinstance(links.offer(slot, t), Offer)]
        targets = alive[torch.isin(alive // fabric.slots, torch.tensor([tile, *near]))]
        targets = targets if among is None else targets[torch.isin(targets, among)]
        traces = Traces(self.probe(), Kernel(network.options.leak), usual_norms(network, alive))
        is_new = torch.tensor([False] * len(present) + [True] * len(new))
        sources = torch.tensor(present + new)
        distance, inputs = distances(network, tile, sources), inputs_of(network, targets)
        return tile_signal(traces, tile, sources, is_new, targets, distance, inputs)

    def bear(self, slot: int, proposal: Proposal, index: int, cell: Cell | None = None) -> tuple[Birth, Tensor]:
        """Lay a newborn's links, those that find room, and graft it; returns which targets [Q] bool are driven."""
        links, fabric, signal = self.network.links, self.network.fabric, proposal.signal
        used = proposal.wired[index].clone()
        for place in torch.nonzero(used & signal.new).flatten().tolist():
            offer = links.offer(int(signal.sources[place]), signal.tile)
            used[place] = isinstance(offer, Offer)
            if isinstance(offer, Offer):
                links.lay(offer)
        links.add_local(slot)
        tiles = signal.targets // fabric.slots
        for tile in sorted(set(tiles.tolist())):
            if tile != signal.tile and isinstance(links.offer(slot, tile), Offer):
                links.add(slot, tile)
        driven = torch.isin(tiles, torch.tensor(links.of(slot)))
        birth = Birth(
            slot=slot,
            output=False,
            sources=signal.sources[used],
            fan_in=proposal.fan_in[index][used],
            targets=signal.targets[driven],
            fan_out=proposal.fan_out[index][driven],
            cell=cell,
        )
        graft(self.network, birth, self.moments)
        return birth, driven

    def gradients(self, birth: Birth) -> tuple[Tensor, Tensor]:
        """Autograd's gradients of the mean loss with respect to a newborn's fan-in [P] and fan-out [Q]."""
        network, slots = self.network, self.network.fabric.slots
        loss = self.losses(network.read(network.run(self.x, self.outputs))).mean()
        (found,) = torch.autograd.grad(loss, network.state.weight)
        tile, column = divmod(birth.slot, slots)
        into = [network.links.rows[source, tile] for source in birth.sources.tolist()]
        tiles = birth.targets // slots
        out = [network.links.rows[birth.slot, target] for target in tiles.tolist()]
        return found[tile, into, column], found[tiles, out, birth.targets % slots]


@pytest.fixture(scope="session")
def site(busy: Callable[..., tuple[Network, Tensor]], spikes: Callable[..., Tensor]) -> Callable[..., Site]:
    """Factory of sites: (options, seed, batch) -> Site."""

    def make(options: NetworkOptions, seed: int = 0, batch: int = 24) -> Site:
        network, outputs = busy(options, seed)
        target = torch.from_numpy(np.random.default_rng(seed).integers(0, len(outputs), batch))
        return Site(network, outputs, spikes(seed, batch), target, Moments.fresh(network.state.weight))

    return make
