"""The network and the batch that the engines are measured on, and one training step of it in each engine.

A full chip of tiles of 32 neurons, as square as can be; every neuron reaches its own tile and the tiles next to it, one
routing tile away. Input channels enter the north row, and every tile hears four of them besides, which no wires of the
chip would allow: else a large chip would stay at rest, for spikes need about nine steps to cross a tile. The ten output
units are spread over the south row. The gain of all weights is scaled until the hidden neurons fire at the rate wanted.
The learning rate is so small that many steps leave the rate as it is. ``engines.peer_jobs`` hands the same to peers.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.engines.peers.verification import Deviation
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.engines import dense
from smalti.model.kinds import KindOptions, draw_cell
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.optimiser import Moments, OptimiserOptions, step

TILE, OUTPUTS, INPUT_RATE, LEARNING_RATE = 32, 10, 0.1, 1e-5
INPUT_GAIN = 3.0  # of the four channels that every tile hears, so that all tiles wake soon
Step = Callable[[], object]
Engine = Literal["events", "dense"]
KINDS = {
    "slow": KindOptions(synapse_ms=10.0),
    "adaptive": KindOptions(adaptation=0.2, adaptation_ms=50.0),
    "both": KindOptions(synapse_ms=10.0, adaptation=0.2, adaptation_ms=50.0),
}


@dataclass(frozen=True)
class Workload:
    """What is to be computed; a process can be told it."""

    neurons: int
    rate: float  # spikes per hidden neuron and step, about
    steps: int = 100  # T
    batch: int = 64  # B
    inputs: int = 128  # I
    seed: int = 0
    threads: int = 2
    kind: str = ""  # of all hidden neurons, one of KINDS; empty for plain ones


@dataclass(frozen=True)
class Problem:
    """A network on its chip and a batch."""

    network: Network
    outputs: Tensor  # [O]
    x: Tensor  # [B, T, I] float
    target: Tensor  # [B]

    @property
    def hidden(self) -> Tensor:
        """Neurons that are no output units [N] bool."""
        return self.network.state.alive & ~self.network.state.output

    def rate(self) -> float:
        """Spikes per hidden neuron and step."""
        with torch.no_grad():
            counts = self.network.run(self.events(self.x), self.outputs).counts
        return float(counts[self.hidden].mean()) / self.x.shape[1]

    def active(self) -> float:
        """Share of hidden membranes that pass gradients on."""
        network, weight = self.network, self.network.state.weight.detach()
        if network.engine == "events":
            past = self.past()
            here = sum(int(block.tape.active_at[-1]) for block in past.blocks)
            return here / (int(self.hidden.sum()) * self.x.shape[0] * self.x.shape[1])
        columns = self.x.permute(1, 2, 0).contiguous()
        membrane = dense.forward(weight, network.wiring(), network.dynamics(), columns).membrane[:, self.hidden]
        distance = (membrane - network.options.threshold).abs()
        return float((distance < network.options.surrogate_width).float().mean())

    def past(self) -> Any:
        """What a forward run of the event-driven engine leaves."""
        events, network = importlib.import_module("smalti.model.engines.events.engine"), self.network
        x = events.as_events(self.events(self.x), network.options.dtype)
        return events.run_forward(network.circuit(self.outputs), network.state.weight, x, True)

    def events(self, x: Tensor) -> Tensor:
        """Input spikes as the network's engine likes them: bytes or numbers."""
        return x.to(torch.uint8) if self.network.engine == "events" else x

    def on(self, engine: Engine, threads: int) -> Problem:
        """The same with weights of its own, on one of our engines."""
        old, options = self.network, replace(self.network.options, engine=engine)
        network = Network(old.fabric, old.channels, options, threads)
        network.links = old.links
        network.state = replace(old.state, weight=old.state.weight.detach().clone().requires_grad_())
        return replace(self, network=network)


@dataclass(frozen=True)
class Job:
    """Something to time."""

    run: Step
    torch_threads: int
    rate: float  # spikes per hidden neuron and step before training
    forget: Step = field(default=lambda: None)  # gives back memory that is kept for the next step
    deviation: Deviation | None = None  # of a peer


def has_events() -> bool:
    """Whether the event-driven engine can run here."""
    return importlib.util.find_spec("numba") is not None


def geometry(neurons: int) -> tuple[int, int]:
    """Rows and columns of tiles, as square as can be."""
    tiles = neurons // TILE
    rows = max(r for r in range(1, math.isqrt(tiles) + 1) if tiles % r == 0)
    return rows, tiles // rows


def chip(of: Workload, generator: torch.Generator) -> tuple[Network, Tensor]:
    """A full chip with random devices; and its outputs [O]."""
    rows, cols = geometry(of.neurons)
    fabric = Fabric(FabricOptions(rows=rows, cols=cols, neurons_per_tile=TILE, wires=TILE + 1, corner_wires=8))
    kinds = {of.kind: KINDS[of.kind]} if of.kind else {}
    options = NetworkOptions(engine="events" if has_events() else "dense", kinds=kinds)
    network = Network(fabric, of.inputs, options, of.threads)
    state, links = network.state, network.links
    placed = [fabric.tile(rows - 1, k * cols // OUTPUTS) for k in range(OUTPUTS)]
    outputs = torch.tensor([(tile + 1) * TILE - 1 - placed[:k].count(tile) for k, tile in enumerate(placed)])
    state.alive[:] = True
    state.output[outputs] = True
    chance = np.random.default_rng(of.seed)
    for slot in torch.nonzero(~state.output)[:, 0].tolist():
        links.add_local(slot)
        for kind in kinds.values():
            state.become(slot, draw_cell(0, kind, chance))
        for tile in fabric.neighbours(fabric.tile_of_slot(slot)):
            links.add(slot, tile)
    spare = [TILE + side * fabric.wires + TILE for side in range(4)]  # a row for each side that no link has taken
    for tile in range(fabric.tiles):
        for k, row in enumerate(spare):
            links.restore(fabric.neurons + (4 * tile + k) % of.inputs, tile, row, ())
    state.mask.copy_((state.source >= 0)[:, :, None])
    drawn = torch.randn(state.mask.shape, generator=generator) * state.mask
    drawn[:, spare] *= INPUT_GAIN
    with torch.no_grad():
        state.weight.copy_(drawn / state.mask.sum(1, keepdim=True).clamp(min=1).sqrt())
    return network, outputs


def problem(of: Workload) -> Problem:
    """A network that fires at the rate wanted on a random batch; the gain of all weights is found by bisection."""
    generator = torch.Generator().manual_seed(of.seed)
    network, outputs = chip(of, generator)
    x = (torch.rand(of.batch, of.steps, of.inputs, generator=generator) < INPUT_RATE).float()
    target = torch.randint(0, OUTPUTS, (of.batch,), generator=generator)
    problem, weight = Problem(network, outputs, x, target), network.state.weight.detach()
    drawn, low, high, gain = weight.clone(), 0.0, math.inf, 2.0
    for _ in range(16):
        torch.mul(drawn, gain, out=weight)
        rate = problem.rate()
        if abs(rate - of.rate) < 0.01 * of.rate:
            break
        low, high = (gain, high) if rate < of.rate else (low, gain)
        gain = min(2 * gain, (low + high) / 2)
    return problem


def our_job(of: Problem, engine: Engine, threads: int) -> Job:
    """A training step of one of our engines; beside the event-driven one torch has a single thread."""
    here, fused = of.on(engine, threads), engine == "events"
    state, x = here.network.state, here.events(of.x)
    moments, adam = Moments.fresh(state.weight), OptimiserOptions(clip=0)

    def train() -> None:
        loss = cross_entropy(here.network.read(here.network.run(x, here.outputs)), here.target)
        (gradient,) = torch.autograd.grad(loss, state.weight)
        step(state.weight, gradient, state.mask, moments, LEARNING_RATE, adam, fused=fused, threads=threads)

    rate = here.rate()
    return Job(train, 1, rate, lambda: forget(here)) if fused else Job(train, threads, rate)


def passes(of: Problem, threads: int) -> dict[str, Job]:
    """The forward pass of the event-driven engine as in training, and without a tape."""
    here = of.on("events", threads)
    x, rate = here.events(of.x), here.rate()

    def inference() -> None:
        with torch.no_grad():
            here.network.run(x, here.outputs)

    return {
        "forward": Job(lambda: here.network.run(x, here.outputs), 1, rate, lambda: forget(here)),
        "inference": Job(inference, 1, rate, lambda: forget(here)),
    }


def forget(of: Problem) -> None:
    """Drop the tapes that the event-driven engine keeps for the next step."""
    of.network.circuit(of.outputs).spare.clear()
