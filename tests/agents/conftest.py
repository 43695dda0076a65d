"""A chip of four tiles with one expert on it, for the tests of ``agents``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import mesa
import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from smalti.agents.auction.prices import AuctionOptions, Prices
from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.agents.tile import Call, TileAgent
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import Offer
from smalti.model.gating import GatingOptions
from smalti.model.gating.networks.label import LabelGating
from smalti.model.grafting.graft import Birth, graft
from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.signal import Traces
from smalti.model.kinds import KindOptions
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.optimiser import Moments
from smalti.model.probe import Kernel

CHANNELS, STEPS, SAMPLES = 4, 12, 16
GROWTH = GrowthOptions(
    rule="random",
    seed_width=2,
    reserve=0,
    births=2,
    candidates=3,
    max_neurons=15,
    enough_loss=0.1,
    until=0.5,
    new_taps=2,
)


@dataclass
class Chip:
    """Tiles 0 1 over 2 3; the expert of classes 0 and 1 has its outputs in tile 2 and neurons in 0, 1 and 3."""

    model: mesa.Model
    network: Network
    moments: Moments
    gating: GatingAgent
    expert: Expert
    prices: Prices

    def bear(self, tile: int, targets: list[int], expert: Expert) -> int:
        """A hidden neuron in the next free slot that hears all of its tile's rows and drives these slots."""
        fabric, state, links = self.network.fabric, self.network.state, self.network.links
        slot = TileAgent(self.model, tile, self.network).free_slots[0]
        heard = state.source[tile][state.source[tile] >= 0].clone()
        links.add_local(slot)
        for target in sorted({fabric.tile_of_slot(t) for t in targets} - {tile}):
            links.add(slot, target)
        drives = torch.tensor(targets, dtype=torch.int64)
        fan_out = 0.8 * torch.cos(3.0 * slot + drives)
        graft(self.network, Birth(slot, False, heard, torch.full((len(heard),), 0.9), drives, fan_out), self.moments)
        expert.neurons.append(slot)
        return slot

    def settle(self, tile: int, count: int) -> None:
        """Neurons of nobody's that fill this many slots of a tile."""
        for slot in TileAgent(self.model, tile, self.network).free_slots[:count]:
            self.network.links.add_local(slot)
            self.network.state.alive[slot] = True

    def traces(self) -> Traces:
        """Probe of the expert, filtered."""
        rng = np.random.default_rng(5)
        x = torch.from_numpy(rng.random((SAMPLES, STEPS, CHANNELS)) < 0.4)
        labels = torch.from_numpy(rng.integers(2, size=SAMPLES))
        probe = self.network.probe(
            x,
            torch.tensor(self.expert.outputs),
            lambda logits: cross_entropy(logits, labels, reduction="none"),
            self.gating.running(self.expert),
        )
        return Traces(probe, Kernel(self.network.options.leak))

    def call(self, options: GrowthOptions = GROWTH, rule: str = "random") -> Call:
        """A call for candidates."""
        return Call(
            expert=self.expert,
            task=0,
            rule=rule,
            traces=self.traces(),
            hears=self.gating.hears(self.expert),
            options=options,
            prices=self.prices,
            generator=np.random.default_rng,
            number=100,
        )

    def close(self, source: int, tile: int, ports: slice = slice(None)) -> None:
        """Fill sides of every way of a source to a tile with wires of somebody else's."""
        links, stranger = self.network.links, 10_000
        start = self.network.fabric.tile_of_slot(source)
        for port in {p for way in links.ways(start, tile) for p in way.ports[ports]}:
            while links.ledger.free(port):
                links.ledger.reserve(stranger := stranger + 1, [port])
        assert not isinstance(links.offer(source, tile), Offer)


def make_chip(
    wires: int = 6,
    slots: int = 6,
    trunk: bool = False,
    corner_wires: int = 3,
    taps: bool = False,
    kinds: Mapping[str, KindOptions] | None = None,
) -> Chip:
    fabric = Fabric(FabricOptions(rows=2, cols=2, neurons_per_tile=slots, wires=wires, corner_wires=corner_wires))
    network = Network(fabric, CHANNELS, NetworkOptions(precision="float64", kinds=kinds or {}))
    model = mesa.Model(seed=1)
    gate = LabelGating(GatingOptions(network="label"), CHANNELS)
    gating = GatingAgent(model, network, gate, GatingOptions(network="label", trunk=trunk, taps=taps), GROWTH)
    expert = gating.add_expert((0, 1))
    expert.tasks.append(0)
    moments = Moments.fresh(network.state.weight)
    chip = Chip(model, network, moments, gating, expert, Prices(AuctionOptions(slot_price=1.0), network.links))
    for slot in expert.outputs:
        network.links.add_local(slot)
        nothing = torch.empty(0, dtype=torch.int64)
        graft(network, Birth(slot, True, nothing, torch.empty(0), nothing, torch.empty(0)), moments)
    relay = chip.bear(3, list(expert.outputs), expert)
    for tile, targets in ((0, list(expert.outputs)), (0, list(expert.outputs)), (1, [relay]), (1, [relay])):
        chip.bear(tile, targets, expert)
    return chip


@pytest.fixture
def chip() -> Chip:
    return make_chip()


@pytest.fixture
def chip_of() -> Callable[..., Chip]:
    """Factory of chips: (wires, slots, trunk, corner_wires, taps, kinds)."""
    return make_chip
