"""What experts do for samples, and the spikes that it takes; of the neurons that may fire alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.model import costs
from smalti.model.network import Activity


@dataclass(frozen=True)
class Spikes:
    """Spikes of some neurons in samples; all others are silent."""

    slots: Tensor  # [n] int: who they are, ascending
    counts: Tensor  # [n, B]

    @staticmethod
    def of(fired: Tensor) -> Spikes:
        """Those of all neurons [N, B]."""
        slots = torch.nonzero(fired.any(1)).flatten()
        return Spikes(slots, fired[slots])

    @staticmethod
    def none(samples: int) -> Spikes:
        """Nobody fires."""
        return Spikes(torch.zeros(0, dtype=torch.int64), torch.zeros(0, samples))

    @staticmethod
    def joined(parts: Sequence[tuple[Spikes, Tensor]], samples: int) -> Spikes:
        """Those of several passes, each for some samples [b] in ascending order.

        A neuron that takes part in several runs once for all.
        """
        parts = [(part, rows) for part, rows in parts if len(part.slots)]
        if not parts:
            return Spikes.none(samples)
        if len(parts) == 1 and len(parts[0][1]) == samples:  # all samples, in their order
            return parts[0][0]
        slots = torch.unique(torch.cat([part.slots for part, _ in parts]))
        counts = torch.zeros((len(slots), samples), dtype=torch.float64)
        for part, rows in parts:
            here = torch.searchsorted(slots, part.slots)[:, None], rows
            counts[here] = torch.maximum(counts[here], part.counts.double())
        return Spikes(slots, counts)

    def per_sample(self, neurons: int, inputs: Tensor) -> Tensor:
        """Spikes of every source per sample [N + I] float64, with those of the input channels [I]."""
        fired = torch.zeros(neurons, dtype=torch.float64)
        fired[self.slots] = self.counts.mean(1, dtype=torch.float64)
        return torch.cat([fired, inputs])


@dataclass(frozen=True)
class Said:
    """What an expert does for samples."""

    activity: Activity  # of the neurons in ``slots``: its outputs are places among them
    slots: Tensor  # [n] int: the neurons that may fire, and the outputs, ascending
    operations: Tensor  # [B] float64: synaptic operations that each sample takes
    multiplications: float  # that each sample takes, by the leaks of all states

    @property
    def spikes(self) -> Spikes:
        """Who fires."""
        return Spikes(self.slots, self.activity.counts)


def ask(agent: GatingAgent, expert: Expert, x: Tensor, channels: Tensor) -> Said:
    """Let an expert run for samples x [b, T, I], whose spikes of each channel are [b, I] float64."""
    network, running = agent.network, agent.running(expert)
    outputs = torch.tensor(expert.outputs, device=network.device)
    with torch.no_grad():
        activity = network.run(x, outputs, running)
    slots = slots_of(agent, expert)
    counts = activity.counts[slots.to(network.device)].cpu()
    met = costs.fan_out(network, running & network.state.alive)
    neurons = network.fabric.neurons
    operations = counts.T.double() @ met[slots] + channels @ met[neurons:]
    places = torch.searchsorted(slots, outputs.cpu())
    multiplications = costs.leaks(network, running & network.state.alive) * x.shape[1]
    return Said(Activity(places, activity.membrane.cpu(), counts), slots, operations, multiplications)


def slots_of(agent: GatingAgent, expert: Expert) -> Tensor:
    """Neurons that may fire when an expert runs, and its outputs [n] int, ascending."""
    taking_part = agent.network.fires(agent.running(expert)).clone()
    taking_part[list(expert.outputs)] = True
    return torch.nonzero(taking_part).flatten().cpu()
