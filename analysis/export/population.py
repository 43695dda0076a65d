"""The net of a run taken off its chip: who runs, what each is wired to, and samples to try it on. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.model import memory
from smalti.model.mapping.net import Net
from smalti.model.network import Network
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import TEST


@dataclass(frozen=True)
class Population:
    """A net and where its neurons are on the chip."""

    net: Net
    slots: NDArray[np.int64]  # [P] slot of every neuron, ascending
    outputs: NDArray[np.int64]  # [O] places of the output units among the neurons
    classes: NDArray[np.int64]  # [O] what each says; empty where outputs are values


def population_of(simulation: Simulation, expert: int | None = None) -> Population:
    """The net of a run, or that which runs when one expert is asked, with the weights that its devices give.

    Args:
        simulation: as ``analysis.restored`` gives it.
        expert: its number; None for all neurons of the chip.

    Raises:
        ValueError: there is no such expert, the net does not fit into memory, or has neurons that only this simulator
            knows.
    """
    network, running = simulation.network, who_runs(simulation, expert)
    slots = torch.nonzero(running).flatten().numpy()
    itemsize, size = network.options.dtype.itemsize, len(slots)
    memory.require(3 * itemsize * size * (size + network.channels), f"a matrix of {size:,} neurons", "it: --expert 0")
    asked = simulation.gating.experts if expert is None else [simulation.gating.experts[expert]]
    told = [(slot, label) for one in asked for slot, label in _said(one)]
    outputs = np.searchsorted(slots, np.array([slot for slot, _ in told], dtype=np.int64))
    return Population(_net(network, slots), slots, outputs, np.array([label for _, label in told], dtype=np.int64))


def who_runs(simulation: Simulation, expert: int | None) -> Tensor:
    """Neurons [N] bool that run when an expert is asked, or all.

    Raises:
        ValueError: there is no such expert.
    """
    experts = simulation.gating.experts
    if expert is None:
        return simulation.network.state.alive.cpu().clone()
    if not 0 <= expert < len(experts):
        raise ValueError(f"expert = {expert} is none of this run, which has 0 to {len(experts) - 1}")
    return simulation.gating.running(experts[expert]).cpu()


def samples_of(simulation: Simulation, count: int, expert: int | None = None) -> Tensor:
    """Input spikes [B, T, I] of test samples, of every task alike, or of those of one expert; at most as many."""
    tasks = None if expert is None else simulation.gating.experts[expert].tasks
    there = {e.task: e for e in simulation.stream.experiences if tasks is None or e.task in tasks}
    each = -(-count // len(there))
    parts = [simulation.batches_of(experience).evaluation(TEST)[0][:each] for experience in there.values()]
    return torch.cat(parts)[:count]


def spikes_on_chip(simulation: Simulation, population: Population, x: Tensor) -> NDArray[np.bool_]:
    """What the neurons of the population do on the chip for samples: spikes [B, T, P]."""
    running = torch.zeros_like(simulation.network.state.alive)
    running[torch.from_numpy(population.slots).to(running.device)] = True
    with torch.no_grad():
        spikes = simulation.network.tape(x, running).spikes[:, population.slots]
    return spikes.permute(2, 0, 1).cpu().numpy() > 0


def _said(expert: Expert) -> list[tuple[int, int]]:
    """Output units and the class that each says; -1 where an expert's outputs are values."""
    one_each = len(expert.outputs) == len(expert.classes)
    return [(slot, expert.classes[k] if one_each else -1) for k, slot in enumerate(expert.outputs)]


def _net(network: Network, slots: NDArray[np.int64]) -> Net:
    state, fabric = network.state, network.fabric
    leak, synapse, strength, _ = (values.cpu() for values in network.state.constants(network.options))
    strange = [what for values, what in ((synapse, SLOW), (strength, ADAPTS)) if bool(values[slots].any())]
    if strange:
        raise ValueError(
            f"some neurons of this net {' and '.join(strange)}, which no format here expresses: export a run without "
            "network.kinds, or an expert without such neurons (--expert)"
        )
    weight = (network.reading().detach() * state.mask).cpu().numpy()
    place = np.full(fabric.neurons + network.channels + 1, -1, dtype=np.int64)
    place[slots] = np.arange(len(slots))
    place[fabric.neurons : fabric.neurons + network.channels] = len(slots) + np.arange(network.channels)
    matrix = np.zeros((len(slots), len(slots) + network.channels), dtype=weight.dtype)
    for k, slot in enumerate(slots.tolist()):
        tile, column = divmod(slot, fabric.slots)
        rows = np.flatnonzero(weight[tile, :, column])
        sources = place[state.source.numpy()[tile, rows]]
        matrix[k, sources[sources >= 0]] = weight[tile, rows[sources >= 0], column]
    options, own = network.options, leak.numpy()[slots]
    return Net(
        fan_in=matrix[:, len(slots) :],
        recurrent=matrix[:, : len(slots)],
        leak=own,
        threshold=np.full_like(own, options.threshold),
        fires=network.fires(None).cpu().numpy()[slots],
        hard=options.reset == "hard",
    )


SLOW, ADAPTS = "have slow synapses", "have thresholds that adapt"
