"""Places where a neuron can be born on a busy chip, for the tests of ``model.growth``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from smalti.model.chip.links import Offer
from smalti.model.graft import Birth, graft
from smalti.model.growth.proposal import Proposal
from smalti.model.growth.signal import TileSignal, Traces, tile_signal
from smalti.model.growth.surroundings import Inputs, distances, inputs_of, usual_norms
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.optimiser import Moments
from smalti.model.probe import DenseProbe, Probe


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
        traces = Traces(self.probe(), network.options.leak, usual_norms(network, alive))
        is_new = torch.tensor([False] * len(present) + [True] * len(new))
        sources = torch.tensor(present + new)
        distance, inputs = distances(network, tile, sources), inputs_of(network, targets)
        return tile_signal(traces, tile, sources, is_new, targets, distance, inputs)

    def bear(self, slot: int, proposal: Proposal, index: int) -> tuple[Birth, Tensor]:
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
def by_hand() -> Callable[..., TileSignal]:
    """Factory of signals of tile 3 from spikes on its wires [T, P, B] and adjoints of its targets [T, Q, B].

    Wires are channels; the targets have no devices yet, unless ``heard`` [Q, P] says which wires they hear.
    """

    def make(
        drive: Tensor,
        adjoint: Tensor,
        leak: float = 0.9,
        new: Tensor | None = None,
        distance: Tensor | None = None,
        heard: Tensor | None = None,
    ) -> TileSignal:
        (steps, wires, batch), targets = drive.shape, adjoint.shape[1]
        presynaptic = drive.new_zeros(steps + 1, targets + wires + 1, batch)
        presynaptic[:-1, targets:-1] = drive
        loss = torch.linspace(0.2, 1.5, batch, dtype=drive.dtype)
        probe = DenseProbe(presynaptic, adjoint, drive.new_zeros(targets, batch), loss)
        sources, onto = torch.arange(wires) + targets, torch.arange(targets)
        mask = torch.zeros(targets, wires, dtype=torch.bool) if heard is None else heard
        return tile_signal(
            Traces(probe, leak),
            3,
            sources,
            torch.zeros(wires, dtype=torch.bool) if new is None else new,
            onto,
            torch.ones(wires, dtype=drive.dtype) if distance is None else distance,
            (Inputs(onto, sources, mask),),
        )

    return make


@pytest.fixture(scope="session")
def site(busy: Callable[..., tuple[Network, Tensor]], spikes: Callable[..., Tensor]) -> Callable[..., Site]:
    """Factory of sites: (options, seed, batch) -> Site."""

    def make(options: NetworkOptions, seed: int = 0, batch: int = 24) -> Site:
        network, outputs = busy(options, seed)
        target = torch.from_numpy(np.random.default_rng(seed).integers(0, len(outputs), batch))
        return Site(network, outputs, spikes(seed, batch), target, Moments.fresh(network.state.weight))

    return make
