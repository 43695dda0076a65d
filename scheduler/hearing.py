"""What a gating network is shown of samples, and what that costs. Knows no answers.

One that hears inputs decides after ``gating.listen`` steps; meanwhile the input spikes wait, and the answer comes that
much later. One that hears experts lets all of them run for these steps: their spikes count, but nothing waits. One with
a running window (``gating.running``) is asked at every step and never late; spikes are held until they leave the
window, and their count is kept for each channel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.model import costs
from smalti.model.gating.adaptation import KeepsMeans, adapted
from smalti.model.gating.features import heard_steps, spike_counts, window_count
from smalti.model.gating.protocol import ExpertListener, expert_listener
from smalti.model.gating.running import windows_of
from smalti.model.network import Network, spikes_of_channels
from smalti.scheduler.streams.batches import TaskBatches


@dataclass(frozen=True, kw_only=True)
class GateCost:
    """What the gating network took, off the chip; zero where it was not asked."""

    adds_per_sample: int = 0
    stored_values: int = 0  # numbers it holds
    buffered_spikes: float = 0.0  # input spikes per sample that wait for its decision
    latency: int = 0  # steps by which the answer is late


UNASKED = GateCost()


@dataclass(frozen=True)
class Features:
    """What the gating network is shown of samples, and what that took."""

    counts: Tensor  # [B, F] spike counts
    fired: Tensor  # [N, B] spikes of neurons while it listened, float64
    operations: float = 0.0  # synaptic operations of these, per sample


def gate_cost(agent: GatingAgent, x: Tensor) -> GateCost:
    """What the gating network takes to choose experts for x [B, T, I], one sample on average."""
    if agent.options.running:
        return _running_cost(agent, x)
    steps = heard_steps(agent.options.listen, x.shape[1]) if agent.gate.hears == "inputs" else 0
    return GateCost(
        adds_per_sample=agent.gate.adds_per_sample,
        stored_values=agent.gate.stored_values,
        buffered_spikes=float(per_channel(x[:, :steps]).sum()),
        latency=steps,
    )


def _running_cost(agent: GatingAgent, x: Tensor) -> GateCost:
    """As ``gate_cost``, of a gate that is asked at every step; spikes held are the mean over the steps."""
    steps, channels = x.shape[1:]
    left = torch.arange(steps, 0, -1, dtype=torch.float64)  # steps of the sample from a spike on
    held = (x.sum((0, 2), dtype=torch.float64) * left.clamp(max=agent.options.running)).sum() / (len(x) * steps)
    return GateCost(
        adds_per_sample=agent.gate.adds_per_sample * steps,
        stored_values=agent.gate.stored_values + channels,
        buffered_spikes=float(held),
    )


def show_experts(agent: GatingAgent, trained: Expert, batches: TaskBatches) -> None:
    """At the end of an experience, when neurons stay put, show every training sample to who hears experts."""
    listener = expert_listener(agent.gate)
    if listener is None:
        return
    listener.renew({e.number: len(e.neurons) for e in agent.experts}, trained.number)
    for x, wanted in batches.once():
        listener.observe(features(agent, x), wanted.labels, batches.task)


def lessons(agent: GatingAgent, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Counts [B, F] and labels [B] that a gating network learns samples x by: theirs, or those of their windows."""
    if not agent.options.running:
        return features(agent, x), labels
    counts, rows = windows_of(x, agent.options.running)
    return counts, labels[rows]


def features(agent: GatingAgent, x: Tensor) -> Tensor:
    """Spike counts of x [B, T, I] as the gating network hears them [B, F].

    Raises:
        ValueError: samples are shorter than the gating network wants to listen.
    """
    return heard(agent, x).counts


def heard(agent: GatingAgent, x: Tensor) -> Features:
    """As ``features``, and what that took."""
    listened = x[:, : heard_steps(agent.options.listen, x.shape[1])]
    listener = expert_listener(agent.gate)
    if listener is not None:
        return _of_experts(agent, listener, listened)
    counts = spike_counts(listened, window_count(agent.options.windows, listened.shape[1]))
    return replace(nothing_heard(agent, x), counts=counts)


def heard_adapted(agent: GatingAgent, x: Tensor) -> Features:
    """As ``heard``, adapted to what all samples of x have in common, if that is asked for."""
    features, gate = heard(agent, x), agent.gate
    if not (agent.options.adapt and isinstance(gate, KeepsMeans) and agent.gate.classes):
        return features
    return replace(features, counts=adapted(gate, features.counts, agent.options.adapt))


def nothing_heard(agent: GatingAgent, x: Tensor) -> Features:
    """As if the gating network had not listened."""
    return Features(torch.zeros(len(x), 0), torch.zeros((agent.network.fabric.neurons, len(x)), dtype=torch.float64))


def _of_experts(agent: GatingAgent, gate: ExpertListener, x: Tensor) -> Features:
    """Let all experts that the gating network hears run at once."""
    network = agent.network
    experts = [e for number in gate.widths for e in agent.experts if e.number == number]
    if not experts:
        return nothing_heard(agent, x)
    running = torch.stack([agent.running(e) for e in experts]).any(0)
    outputs = torch.tensor([slot for e in experts for slot in e.outputs], device=network.device)
    with torch.no_grad():
        fired = network.run(x, outputs, running).counts.to("cpu", torch.float64)
    counts = fired[[slot for e in experts for slot in e.neurons]].T
    return Features(counts, fired, operations_of(network, fired, x, running))


def per_channel(x: Tensor) -> Tensor:
    """Input spikes of every channel per sample [I], of x [B, T, I]."""
    return spikes_of_channels(x) / len(x)


def operations_of(network: Network, counts: Tensor, x: Tensor, running: Tensor) -> float:
    """Synaptic operations of one pass, per sample, of the neurons that run [N] bool."""
    return costs.synaptic_operations(network, counts, per_channel(x), running & network.state.alive)
