"""Random small chips with an expert in training beside a protected one, for the tests of ``model.rewiring``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import Offer
from smalti.model.kinds import Cell
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.optimiser import Moments
from smalti.model.rewiring.scope import Scope

Devices = dict[tuple[int, int], tuple[float, ...]]
STEPS, BATCH = 12, 5


@dataclass
class Chip:
    """A chip in use and a batch for it."""

    scope: Scope
    outputs: Tensor  # [O]
    x: Tensor  # [B, T, I] bool

    @property
    def network(self) -> Network:
        return self.scope.network

    def answer(self, moved: dict[int, int] | None = None) -> tuple[Tensor, Tensor]:
        """Membranes of the outputs [T, O, B] and spikes of all neurons [N, B], both by the slots before a move."""
        now = torch.tensor([(moved or {}).get(s, s) for s in range(self.network.fabric.neurons)])
        with torch.no_grad():
            activity = self.network.run(self.x, now[self.outputs])
        return activity.membrane, activity.counts[now]

    def devices(self, moved: dict[int, int] | None = None) -> Devices:
        """(source, target) -> weight, frozen and optimiser state, by the slots before a move."""
        state, moments = self.network.state, self.scope.moments
        before = {now: was for was, now in (moved or {}).items()}
        tensors = (state.weight.detach(), state.frozen, moments.first, moments.second, moments.count)
        found: Devices = {}
        for tile, row, column in torch.nonzero(state.mask).tolist():
            source, target = int(state.source[tile, row]), tile * self.network.fabric.slots + column
            key = before.get(source, source), before.get(target, target)
            assert key not in found
            found[key] = tuple(float(tensor[tile, row, column]) for tensor in tensors)
        return found

    def check(self) -> None:
        """The ledger as counted anew from the links, and nothing in rows that nobody drives or columns of nobody."""
        links, state, fabric = self.network.links, self.network.state, self.network.fabric
        holders: dict[int, set[int]] = {}
        for (source, _), path in links.paths.items():
            for port in path.ports:
                holders.setdefault(port, set()).add(source)
        used = [len(holders.get(port, ())) for port in range(len(fabric.capacity))]
        assert links.ledger.used.tolist() == used
        assert [links.ledger.free(port) for port in range(len(used))] == (fabric.capacity - used).tolist()
        assert (used <= fabric.capacity).all()
        table = np.full_like(links.source, -1)
        for (source, tile), row in links.rows.items():
            table[tile, row] = source
            local = source < fabric.neurons and fabric.tile_of_slot(source) == tile
            assert local == (row < fabric.slots)
            assert not local or row == source % fabric.slots
            side = (row - fabric.slots) // fabric.wires
            assert local or links.paths[source, tile].side == side
        assert (links.source == table).all()
        assert links.rows.keys() == links.paths.keys()
        assert {s for s, _ in links.rows if s < fabric.neurons} <= set(torch.nonzero(state.alive).flatten().tolist())
        assert not (state.mask & (state.source < 0)[:, :, None]).any()
        assert not (state.mask & ~state.alive.view(fabric.tiles, 1, -1)).any()
        for tensor in (state.weight.detach(), state.frozen, self.scope.moments.count, self.scope.moments.first):
            assert not tensor[~state.mask].any()


def make_chip(seed: int, engine: str = "dense", share: float = 0.5, gain: float = 1.0) -> Chip:
    """A chip of 2 x 2 to 3 x 3 tiles; two slots in three are alive, one neuron in four belongs to the protected expert.

    Args:
        seed: of everything.
        engine: dense or events.
        share: of the possible devices that are in use.
        gain: scale of the weights.
    """
    rng = np.random.default_rng(seed)
    fabric = Fabric(
        FabricOptions(
            rows=int(rng.integers(2, 4)),
            cols=int(rng.integers(2, 4)),
            neurons_per_tile=int(rng.integers(2, 6)),
            wires=int(rng.integers(3, 7)),
            corner_wires=int(rng.integers(0, 3)),
        )
    )
    channels = min(6, len(fabric.north_tiles) * fabric.wires)
    network = Network(fabric, channels, NetworkOptions(engine=engine, precision="float64"))  # type: ignore[arg-type]
    state, links = network.state, network.links
    state.alive.copy_(torch.from_numpy(rng.random(fabric.neurons) < 0.67))
    outputs = fabric.tiles * fabric.slots - 1 - torch.arange(2)
    state.alive[outputs] = True
    state.output[outputs] = True
    cells = np.random.default_rng(seed)
    for slot in torch.nonzero(state.alive & ~state.output).flatten().tolist():
        state.become(slot, Cell(0, *cells.uniform((0.9, 0.0, 0.0, 0.5), (0.98, 0.4, 0.3, 0.9)).tolist()))
    for slot in torch.nonzero(state.alive).flatten().tolist():
        links.add_local(slot)
        for tile in rng.permutation(fabric.tiles)[:3].tolist():
            if tile != fabric.tile_of_slot(slot) and isinstance(links.offer(slot, tile), Offer):
                links.add(slot, tile)
    used = (state.source >= 0)[:, :, None] & state.alive.view(fabric.tiles, 1, -1)
    used &= torch.from_numpy(rng.random(used.shape) < share)
    protected = torch.from_numpy(rng.random(fabric.neurons) < 0.25) & ~state.output
    state.mask.copy_(used)
    state.frozen.copy_(used & protected.view(fabric.tiles, 1, -1))
    moments = Moments.fresh(state.weight)
    with torch.no_grad():
        state.weight.copy_(torch.from_numpy(rng.normal(0.3, 0.5, used.shape)) * gain * used)
    moments.count.copy_(torch.from_numpy(rng.integers(0, 200, used.shape)) * used)
    for moment in (moments.first, moments.second):
        moment.copy_(torch.from_numpy(rng.random(used.shape)) * used)
    x = torch.from_numpy(rng.random((BATCH, STEPS, channels)) < 0.4)
    counts = network.run(x, outputs).counts.detach()
    rate = torch.cat([counts.mean(1), x.sum((0, 1)) / BATCH]).double()
    hears = torch.cat([state.alive & ~state.output & ~protected, torch.ones(channels, dtype=torch.bool)])
    scope = Scope(network, moments, state.alive & ~protected, hears, state.alive.clone(), rate)
    return Chip(scope, outputs, x)


@pytest.fixture(scope="session")
def chip() -> Callable[..., Chip]:
    """Factory of chips: (seed, engine, share, gain) -> Chip."""
    return make_chip


class ChipOracle:
    """The network as a plain loop over devices."""

    def membranes(self, chip: Chip, moved: dict[int, int] | None = None) -> Tensor:
        """Membranes of the outputs [T, O, B], from the devices as a dictionary."""
        network, x = chip.network, chip.x.double()
        neurons, options, state = network.fabric.neurons, network.options, network.state
        matrix = torch.zeros(neurons + network.channels, neurons, dtype=torch.float64)
        for (source, target), (weight, *_) in chip.devices().items():
            matrix[source, target] = weight
        hidden = ~state.output
        leak = torch.where(hidden, state.leak, options.output_leak)
        synapse, strength = state.synapse * hidden, state.strength * hidden
        v = s = current = trace = torch.zeros(len(x), neurons, dtype=torch.float64)
        seen = []
        for t in range(x.shape[1]):
            current = synapse * current + torch.cat([s, x[:, t]], 1) @ matrix
            trace = state.recovery * trace + s
            v = v * leak - options.threshold * s + current
            s = ((v - strength * trace >= options.threshold) & state.alive & ~state.output).double()
            seen.append(v[:, [(moved or {}).get(int(o), int(o)) for o in chip.outputs]].T)
        return torch.stack(seen)


@pytest.fixture(scope="session")
def plain() -> ChipOracle:
    """The network by a plain loop."""
    return ChipOracle()
