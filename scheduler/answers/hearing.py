"""What a gating network is shown of samples, and what that costs. Knows no answers.

One that hears inputs decides after ``gating.listen`` steps; meanwhile the input spikes wait, and the answer comes that
much later. So it is with one on the chip, whose columns run for these steps and count as neurons do. One that hears
experts lets all of them run for these steps: their spikes count, but nothing waits. One with a running window
(``gating.running``) is asked at every step and never late; spikes are held until they leave the window, and their count
is kept for each channel.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from smalti.agents.expert import Expert
from smalti.agents.gating import GatingAgent
from smalti.model import costs
from smalti.model.entering import spikes_of_channels
from smalti.model.gating.adaptation import KeepsMeans, adapted
from smalti.model.gating.features import heard_steps, spike_counts, window_count
from smalti.model.gating.networks.crossbar import CrossbarGating
from smalti.model.gating.networks.staged import on_chip
from smalti.model.gating.protocol import ExpertListener, Staged, expert_listener
from smalti.model.gating.running import windows_of
from smalti.model.network import Network
from smalti.model.work import Work
from smalti.scheduler.answers.said import Spikes
from smalti.scheduler.streams.batches import TaskBatches


@dataclass(frozen=True, kw_only=True)
class GateCost:
    """What the gating network took, off the chip; zero where it was not asked."""

    adds_per_sample: float = 0.0
    multiplications_per_sample: float = 0.0
    counted_spikes: float = 0.0  # spikes per sample that it counts, an addition each, beside those of the scoring
    stored_values: int = 0  # numbers it holds
    buffered_spikes: float = 0.0  # input spikes per sample that wait for its decision
    heard: float = 0.0  # steps of a sample that it hears before it decides
    latency: float = 0.0  # steps by which the answer is late


UNASKED = GateCost()


@dataclass(frozen=True)
class Features:
    """What the gating network is shown of samples, and what that took."""

    counts: Tensor  # [B, F] spike counts
    spikes: Spikes  # of neurons while it listened
    work: Work = field(default_factory=Work)  # of these, on the chip
    goes_on: Work = field(default_factory=Work)  # what of that whoever answers need not do again


def gate_cost(agent: GatingAgent, x: Tensor, counts: Tensor) -> GateCost:
    """What the gating network takes to choose experts for x [B, T, I], of these counts [B, F]; one sample on average.

    One that hears experts counts their spikes, and nothing waits for it; one on the chip counts none.
    """
    gate = agent.gate
    if agent.options.running:
        return _running_cost(agent, x)
    if isinstance(gate, Staged):
        return _staged_cost(agent, gate, x, counts)
    steps = heard_steps(agent.options.listen, x.shape[1]) if gate.hears != "nothing" else 0
    waits = steps if gate.hears in ("inputs", "columns") else 0
    waiting = float(per_channel(x[:, :waits]).sum())
    counted = {"inputs": waiting, "experts": float(counts.sum()) / len(x)}
    return GateCost(
        adds_per_sample=gate.adds_per_sample,
        multiplications_per_sample=gate.multiplications_per_sample,
        counted_spikes=counted.get(gate.hears, 0.0),
        stored_values=gate.stored_values,
        buffered_spikes=waiting,
        heard=steps,
        latency=waits,
    )


def _staged_cost(agent: GatingAgent, gate: Staged, x: Tensor, counts: Tensor) -> GateCost:
    """As ``gate_cost``, of a gate that hears of every sample and asks for it what it takes to be sure.

    Where columns of the chip are the first stage, spikes are counted only of samples that are asked on.
    """
    steps = heard_steps(agent.options.listen, x.shape[1])
    windows = window_count(agent.options.windows, steps)
    last = gate.last_asked(counts)
    until = torch.tensor([heard * steps // windows for heard in gate.heard])[last]  # [B] steps
    so_far = x.sum(2, dtype=torch.float64).cumsum(1)[torch.arange(len(x)), until - 1]
    work, waited, waiting = gate.work(last), float(until.double().mean()), float(so_far.mean())
    counted = waiting if on_chip(agent.gate) is None else float((so_far * (last > 0)).mean())
    return GateCost(
        adds_per_sample=work.additions,
        multiplications_per_sample=work.multiplications,
        counted_spikes=counted,
        stored_values=agent.gate.stored_values,
        buffered_spikes=waiting,
        heard=waited,
        latency=waited,
    )


def _running_cost(agent: GatingAgent, x: Tensor) -> GateCost:
    """As ``gate_cost``, of a gate that is asked at every step, in all of its stages; spikes held: mean over steps."""
    steps, channels = x.shape[1:]
    left = torch.arange(steps, 0, -1, dtype=torch.float64)  # steps of the sample from a spike on
    held = (x.sum((0, 2), dtype=torch.float64) * left.clamp(max=agent.options.running)).sum() / (len(x) * steps)
    return GateCost(
        adds_per_sample=agent.gate.adds_per_sample * steps,
        multiplications_per_sample=agent.gate.multiplications_per_sample * steps,
        counted_spikes=2.0 * float(x.sum()) / len(x),  # into the window and out of it
        stored_values=agent.gate.stored_values + channels,
        buffered_spikes=float(held),
    )


def tune(agent: GatingAgent, x: Tensor, labels: Tensor) -> None:
    """At the end of an experience, let a gate of stages learn when they are sure, by validation samples x [B, T, I]."""
    if isinstance(agent.gate, Staged) and not agent.options.running:
        agent.gate.tune(features(agent, x), labels)


def hangs_on(agent: GatingAgent, expert: Expert) -> bool:
    """Whether the gating network tells classes of other experts by the neurons of this one alone."""
    listener = expert_listener(agent.gate)
    return listener is not None and bool(listener.hang_on(expert.number))


def show_experts(agent: GatingAgent, trained: Expert | None, batches: TaskBatches) -> None:
    """At the end of an experience, when neurons stay put, show every training sample to who hears experts.

    Args:
        agent: whose gating network it is.
        trained: whose neurons have moved; None: nobody's have.
        batches: the samples.
    """
    listener = expert_listener(agent.gate)
    if listener is None:
        return
    listener.renew({e.number: len(e.neurons) for e in agent.experts}, None if trained is None else trained.number)
    for x, wanted in batches.once():
        listener.observe(features(agent, x), wanted.labels, batches.task)


def lessons(agent: GatingAgent, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Counts [B, F] and labels [B] that a gating network learns samples x by: theirs, or those of their windows.

    One on the chip learns by input spikes, too, though it is shown what its columns make of them when it is asked. Of
    gates on two levels it is what the first one hears (``scheduler.answers.relayed`` has the rest).
    """
    if agent.gate.hears in ("columns", "levels"):
        return input_counts(agent, x), labels
    if not agent.options.running:
        return features(agent, x), labels
    counts, rows = windows_of(x, agent.options.running)
    return counts, labels[rows]


def features(agent: GatingAgent, x: Tensor) -> Tensor:
    """Spike counts of x [B, T, I] as the gating network hears them [B, F], or what its columns receive.

    Raises:
        ValueError: samples are shorter than the gating network wants to listen.
    """
    return heard(agent, x).counts


def heard(agent: GatingAgent, x: Tensor) -> Features:
    """As ``features``, and what that took."""
    listener, chip = expert_listener(agent.gate), on_chip(agent.gate)
    if listener is not None:
        return _of_experts(agent, listener, listened(agent, x))
    if chip is None:
        return Features(input_counts(agent, x), Spikes.none(len(x)))
    columns = of_columns(agent, chip, listened(agent, x))
    if agent.gate is chip:
        return columns
    return replace(columns, counts=torch.cat([columns.counts, input_counts(agent, x).double()], 1))


def heard_adapted(agent: GatingAgent, x: Tensor) -> Features:
    """As ``heard``, adapted to what all samples of x have in common, if that is asked for."""
    features, gate = heard(agent, x), agent.gate
    if not (agent.options.adapt and isinstance(gate, KeepsMeans) and agent.gate.classes):
        return features
    return replace(features, counts=adapted(gate, features.counts, agent.options.adapt))


def nothing_heard(samples: int) -> Features:
    """As if the gating network had not listened."""
    return Features(torch.zeros(samples, 0), Spikes.none(samples))


def listened(agent: GatingAgent, x: Tensor) -> Tensor:
    """The steps of x [B, T, I] that the gating network listens to."""
    return x[:, : heard_steps(agent.options.listen, x.shape[1])]


def input_counts(agent: GatingAgent, x: Tensor) -> Tensor:
    """Input spikes of x [B, T, I] in the windows of the steps that it listens to [B, F]."""
    steps = listened(agent, x)
    return spike_counts(steps, window_count(agent.options.windows, steps.shape[1]))


def of_columns(agent: GatingAgent, gate: CrossbarGating, x: Tensor) -> Features:
    """Let the columns of the gating network run, and nobody else."""
    network, slots = agent.network, gate.slots
    if not len(slots):
        return Features(torch.zeros((len(x), 0), dtype=torch.float64), Spikes.none(len(x)))
    nobody = torch.zeros_like(network.state.alive)
    with torch.no_grad():
        membrane = network.run(x, slots.to(network.device), nobody).membrane
    columns = nobody.index_fill(0, slots.to(network.device), True)
    work = work_of(network, Spikes.none(len(x)), per_channel(x), columns, x.shape[1])
    return Features(gate.read(membrane, network.options.output_leak), Spikes.none(len(x)), work)


def _of_experts(agent: GatingAgent, gate: ExpertListener, x: Tensor) -> Features:
    """Let all experts that the gating network hears run at once."""
    network = agent.network
    experts = [e for number in gate.widths for e in agent.experts if e.number == number]
    if not experts:
        return nothing_heard(len(x))
    running = torch.stack([agent.running(e) for e in experts]).any(0)
    outputs = torch.tensor([slot for e in experts for slot in e.outputs], device=network.device)
    with torch.no_grad():
        fired = network.run(x, outputs, running).counts.to("cpu", torch.float64)
    counts, spikes = fired[[slot for e in experts for slot in e.neurons]].T, Spikes.of(fired)
    return Features(counts, spikes, work_of(network, spikes, per_channel(x), running, x.shape[1]))


def per_channel(x: Tensor) -> Tensor:
    """Input spikes of every channel per sample [I], of x [B, T, I]."""
    return spikes_of_channels(x) / len(x)


def work_of(network: Network, spikes: Spikes, inputs: Tensor, running: Tensor, steps: int) -> Work:
    """What one pass takes on the chip by the neurons that run [N] bool, per sample; so are the inputs [I]."""
    every = spikes.per_sample(network.fabric.neurons, inputs)
    return costs.work(network, every, running & network.state.alive, steps)
