"""An agent of two experts that give known answers, and a gating network that is told how to trust them."""

from __future__ import annotations

import math
from collections.abc import Callable

import mesa
import pytest
import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.gating import GatingOptions
from smalti.model.gating.assignment import Assignment
from smalti.model.grafting.graft import Birth, graft
from smalti.model.growth.options import GrowthOptions
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.optimiser import Moments

STEPS, CHANNELS = 10, 2
# What the experts answer to any input: expert 0 has classes 4 and 1, expert 1 has classes 0 and 6.
ANSWERS = {0: {4: 0.9, 1: 0.1}, 1: {0: 0.4, 6: 0.6}}


def assigned(*experts: int) -> Assignment:
    """These experts in this order, whatever their classes."""
    book = Assignment()
    for expert in experts:
        book.assign(expert, ())
    return book


class Gate:
    """Trusts expert 0 as told by the spikes of channel 1: none 0.8, some 0.3, many 0.45."""

    hears = "inputs"
    adds_per_sample, multiplications_per_sample, stored_values = 7, 3, 11
    assignment = assigned(1, 0)  # not in the order of their numbers
    classes: tuple[int, ...] = (0, 4, 6)
    trust = (0.8, 0.3, 0.45)

    def scores(self, counts: Tensor) -> Tensor:
        trust = torch.tensor([self.trust[min(int(spikes), 2)] for spikes in counts[:, 1]])
        return torch.stack([1 - trust, trust], 1).log()

    def class_scores(self, counts: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(counts[:, 1].long().clamp(max=2), 3).double()


def _inputs(*spikes_of_channel_1: int) -> Tensor:
    """Channel 0 spikes in every step, channel 1 as often as told."""
    x = torch.zeros(len(spikes_of_channel_1), STEPS, CHANNELS, dtype=torch.uint8)
    x[:, :, 0] = 1
    for row, spikes in enumerate(spikes_of_channel_1):
        x[row, :spikes, 1] = 1
    return x


@pytest.fixture
def agent() -> GatingAgent:
    """One tile; each expert has two outputs and one neuron, all of which hear channel 0 only."""
    network = Network(Fabric(FabricOptions(rows=1, cols=1, neurons_per_tile=8, wires=4)), CHANNELS, NetworkOptions())
    moments = Moments.fresh(network.state.weight)
    agent = GatingAgent(
        mesa.Model(seed=0), network, Gate(), GatingOptions(top=1, vote=0.0, choose="expert"), GrowthOptions()
    )
    leak = network.options.output_leak
    membrane = sum(leak**k * (STEPS - k) for k in range(STEPS)) / STEPS  # mean over time for a weight of 1
    for number, answer in ANSWERS.items():
        outputs = (6 - 2 * number, 7 - 2 * number)
        for slot, probability in zip(outputs, answer.values(), strict=True):
            bear(network, moments, slot, True, math.log(probability) / membrane)
        bear(network, moments, number, False, 0.6 * (1 + number))
        agent.experts.append(Expert(number, tuple(answer), 0, outputs, neurons=[number]))
    return agent


def bear(network: Network, moments: Moments, slot: int, output: bool, weight: float) -> None:
    network.links.add_local(slot)
    nobody = torch.empty(0, dtype=torch.int64)
    channel = torch.tensor([network.fabric.neurons])
    graft(network, Birth(slot, output, channel, torch.tensor([weight]), nobody, torch.empty(0)), moments)


@pytest.fixture
def inputs() -> Callable[..., Tensor]:
    """``inputs(0, 2)``: a sample for each number: so often channel 1 spikes."""
    return _inputs


@pytest.fixture
def spikes() -> Callable[[GatingAgent, int], float]:
    """``spikes(agent, number)``: those of an expert's only neuron in a sample."""

    def count(agent: GatingAgent, number: int) -> float:
        expert = agent.experts[number]
        counts = agent.network.run(_inputs(0), torch.tensor(expert.outputs), agent.running(expert)).counts
        assert int(counts.sum()) == int(counts[number].sum()) > 0
        return float(counts[number].detach())

    return count
