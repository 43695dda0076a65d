"""Who acts in episodes: an expert on a chip, or a dense net of rates, each in many copies with weights of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.model.optimiser import Moments, OptimiserOptions, step
from smalti.scheduler.control.chip import ControlChip
from smalti.scheduler.control.copies import Circuit, Copies
from smalti.scheduler.control.senses import Senses
from smalti.scheduler.control.worlds import Episodes, Reals, World

Numbers = NDArray[np.float64]
Ints = NDArray[np.int64]
Back = Callable[[Reals], Reals]  # slopes of outputs [P, A, O] -> gradient of the weights that learn [D]
ADAM = OptimiserOptions(clip=0.0)


class Player(Protocol):
    """Copies that act in one episode each."""

    @property
    def heard(self) -> Reals:
        """What the senses told them before the last action [S, L, I], step by step."""

    def act(self, seen: Reals) -> tuple[Reals, Numbers]:
        """Outputs [L, O] for observations [L, F], and the spikes of neurons that it took [L]."""

    def keep(self, going: NDArray[np.bool_]) -> None:
        """Let go of those whose episode is over; those [L] bool go on."""


class Policy(Protocol):
    """What is perturbed or differentiated, and moved."""

    @property
    def neurons(self) -> int:
        """Hidden neurons."""

    @property
    def values(self) -> Reals:
        """Weights that learn [D]."""

    def players(self, values: Reals) -> Player:
        """Copies with these weights [P, D], at the beginning of their episodes."""

    def differentiate(self, heard: Reals) -> tuple[Reals, Back]:
        """What it says in episodes [P, A, O] and the way back; from what it hears from their beginning [P, A, S, I]."""

    def move(self, gradient: Reals, rate: float) -> None:
        """One step of Adam against a gradient [D]."""


class Spiking:
    """An expert on a chip.

    Args:
        chip: where it lives.
        expert: who acts; its own devices learn.
        world: what it senses.
        cells: channels of an observation.
        steps: time steps of the net from one observation to the next.
    """

    def __init__(self, chip: ControlChip, expert: Expert, world: World, cells: int, steps: int) -> None:
        self.chip, self.expert, self.world, self.cells, self.steps = chip, expert, world, cells, steps
        self.look()

    def look(self) -> None:
        """Take note of neurons and devices that have come."""
        network, own = self.chip.network, self.chip.own(self.expert)
        self.circuit = Circuit.of(network, self.chip.taking_part(self.expert), self.expert.outputs)
        self._learning = own[self.circuit.devices].numpy()
        self._others = self.circuit.weights(network)

    @property
    def neurons(self) -> int:
        """Hidden neurons of the expert."""
        return len(self.expert.neurons)

    @property
    def values(self) -> Reals:
        """Weights of the expert's own devices [D]."""
        held: Reals = self.circuit.weights(self.chip.network)[self._learning]
        return held

    def players(self, values: Reals) -> SpikingPlayer:
        """Copies with these weights [P, D]."""
        weights = np.tile(self._others, (len(values), 1))
        weights[:, self._learning] = values
        return SpikingPlayer(Copies(self.circuit, weights), Senses(self.world, self.cells), self.steps, len(values))

    def differentiate(self, heard: Reals) -> tuple[Reals, Back]:
        """See ``Policy``; back through time, by the surrogate of the network."""
        episodes, actions, steps, channels = heard.shape
        x = torch.from_numpy(heard.reshape(episodes, actions * steps, channels).astype(np.uint8))
        outputs = torch.tensor(self.expert.outputs)
        recorded = self.chip.network.record(x, outputs, self.chip.taking_part(self.expert))
        membrane = recorded.activity.membrane  # [T, O, P]

        def back(slopes: Reals) -> Reals:
            of_membrane = torch.zeros_like(membrane)
            of_membrane[steps - 1 :: steps] = torch.from_numpy(slopes).permute(1, 2, 0).to(membrane)
            gradient = recorded.backward(of_membrane, None)[self.circuit.devices]
            mine: Reals = gradient.numpy()[self._learning].astype(np.float32)
            return mine

        said: Reals = membrane[steps - 1 :: steps].permute(2, 0, 1).numpy().astype(np.float32)
        return said, back

    def move(self, gradient: Reals, rate: float) -> None:
        """One step of Adam, as devices take it in a run."""
        weight = self.chip.network.state.weight
        full, learns = torch.zeros_like(weight, requires_grad=False), self.chip.own(self.expert)
        here = [part[torch.from_numpy(self._learning)] for part in self.circuit.devices]
        full[here[0], here[1], here[2]] = torch.from_numpy(gradient).to(full)
        step(weight, full, learns, self.chip.moments, rate, ADAM)


class SpikingPlayer:
    """Copies of an expert, and their senses."""

    def __init__(self, copies: Copies, senses: Senses, steps: int, episodes: int) -> None:
        self.copies, self.senses, self.steps = copies, senses, steps
        self.heard = np.zeros((steps, episodes, senses.channels), dtype=np.float32)
        senses.begin(episodes)

    def act(self, seen: Reals) -> tuple[Reals, Numbers]:
        """Membranes of the outputs after some steps, and spikes of hidden neurons."""
        rates = self.senses.rates(seen)
        fired = np.zeros(len(seen))
        self.heard = np.stack([self.senses.spikes(rates) for _ in range(self.steps)])
        for x in self.heard:
            fired += self.copies.step(x)
        return self.copies.outputs, fired

    def keep(self, going: NDArray[np.bool_]) -> None:
        """Let go of those whose episode is over."""
        self.copies.keep(going)
        self.senses.keep(going)


class Dense:
    """A dense net of rates: population rates, tanh neurons, linear outputs. It knows no time, no chip and no spikes.

    Args:
        world: what it senses.
        cells: channels of an observation.
        neurons: hidden ones.
        seed: of its first weights, of variance 1 over their number.
    """

    def __init__(self, world: World, cells: int, neurons: int, seed: int) -> None:
        self.world, self.cells, self.neurons = world, cells, neurons
        chance = np.random.default_rng(seed)
        self._channels = len(world.low) * cells
        inner = chance.normal(0, self._channels**-0.5, self._channels * neurons)
        outer = np.zeros((neurons + 1) * world.outputs)
        self._weight: Tensor = torch.from_numpy(np.concatenate([inner, outer]).astype(np.float32))
        self._moments = Moments.fresh(self._weight)

    @property
    def values(self) -> Reals:
        """All weights [D]."""
        held: Reals = self._weight.numpy().copy()
        return held

    def players(self, values: Reals) -> DensePlayer:
        """Copies with these weights [P, D]."""
        inner, outer = np.split(values, [self._channels * self.neurons], axis=1)
        return DensePlayer(
            Senses(self.world, self.cells),
            inner.reshape(len(values), self._channels, self.neurons),
            outer.reshape(len(values), self.neurons + 1, -1),
        )

    def differentiate(self, heard: Reals) -> tuple[Reals, Back]:
        """See ``Policy``."""
        weight, size = self._weight.clone().requires_grad_(), self._channels * self.neurons
        inner, outer = weight[:size], weight[size:]
        hidden = torch.tanh(torch.from_numpy(heard[:, :, 0]) @ inner.view(self._channels, self.neurons))
        outer = outer.view(self.neurons + 1, -1)
        said = hidden @ outer[:-1] + outer[-1]

        def back(slopes: Reals) -> Reals:
            (gradient,) = torch.autograd.grad(said, weight, torch.from_numpy(slopes))
            mine: Reals = gradient.numpy()
            return mine

        return said.detach().numpy(), back

    def move(self, gradient: Reals, rate: float) -> None:
        """One step of Adam."""
        everywhere = torch.ones_like(self._weight, dtype=torch.bool)
        step(self._weight, torch.from_numpy(gradient), everywhere, self._moments, rate, ADAM)


class DensePlayer:
    """Copies of a dense net."""

    def __init__(self, senses: Senses, inner: Reals, outer: Reals) -> None:
        self.senses, self.inner, self.outer = senses, inner, outer
        self.heard = np.zeros((1, len(inner), senses.channels), dtype=np.float32)

    def act(self, seen: Reals) -> tuple[Reals, Numbers]:
        """Outputs, and no spikes."""
        self.heard = self.senses.rates(seen)[None]
        hidden = np.tanh(np.matmul(self.heard[0][:, None], self.inner))
        said: Reals = (np.matmul(hidden, self.outer[:, :-1]) + self.outer[:, -1:])[:, 0]
        return said, np.zeros(len(seen))

    def keep(self, going: NDArray[np.bool_]) -> None:
        """Let go of those whose episode is over."""
        self.inner, self.outer = self.inner[going], self.outer[going]


def play(
    player: Player,
    episodes: Episodes,
    seeds: list[int],
    told: Callable[[Ints, Numbers], None] = lambda who, rewards: None,
) -> tuple[Numbers, Numbers, Numbers]:
    """One episode for each copy: its return, its length and the spikes that it took, [P] each.

    Args:
        player: as many copies as there are seeds, at their beginning.
        episodes: where they act.
        seeds: of the episodes.
        told: hears after every action who has acted [L], and the rewards [L].
    """
    returns, lengths, spikes = (np.zeros(len(seeds)) for _ in range(3))
    seen, who = episodes.begin(seeds), np.arange(len(seeds))
    while len(who):
        outputs, fired = player.act(seen)
        spikes[who] += fired
        seen, rewards, over = episodes.step(who, outputs)
        told(who, rewards)
        returns[who] += rewards
        lengths[who] += 1
        if over.any():
            who, seen = who[~over], seen[~over]
            player.keep(~over)
    return returns, lengths, spikes
