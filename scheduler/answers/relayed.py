"""What gates on two levels are shown: inputs, and what the relay does while the north parts run that the first chooses.

Inputs wait for the first gate, spikes of the relay for the second, so that the answer comes as much later. The most
probable north part goes on from there: whoever answers behind it need not let it run again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeAlias

import torch
from torch import Tensor

from smalti.agents.gating import GatingAgent
from smalti.model.gating.features import heard_steps
from smalti.model.gating.networks.levels import LevelsGating
from smalti.model.gating.protocol import Kept
from smalti.model.work import Work
from smalti.scheduler.answers.hearing import (
    Features,
    GateCost,
    input_counts,
    listened,
    of_columns,
    per_channel,
    work_of,
)
from smalti.scheduler.answers.said import Spikes
from smalti.scheduler.streams.batches import TaskBatches

Drive: TypeAlias = Callable[[int, Tensor], Spikes]
"""(north part, rows [b] of the samples) -> spikes of its neurons and of the relay, in the steps listened to."""


def heard(
    agent: GatingAgent,
    gate: LevelsGating,
    x: Tensor,
    among: Collection[int] | None = None,
    drive: Drive | None = None,
    terms: dict[int, Kept] | None = None,
) -> Features:
    """What the gates are shown of samples x [B, T, I], and what that took.

    Args:
        agent: whose gates these are.
        gate: the gates.
        x: the samples.
        among: numbers of experts that are possible, whose north parts alone may run; None: all.
        drive: lets north parts run; by default anew.
        terms: what the first gate keeps of these samples, by class.
    """
    x = listened(agent, x)
    counts, columns = input_counts(agent, x), None if gate.chip is None else of_columns(agent, gate.chip, x)
    if columns is not None:
        counts = torch.cat([columns.counts, counts.double()], 1)
    ways = gate.ways(gate.first(counts), among, terms)
    work, goes_on = Work() if columns is None else columns.work, Work()
    relayed, spikes = {}, list[tuple[Spikes, Tensor]]()
    for part in torch.unique(ways).tolist():
        rows = (ways == part).any(1).nonzero().flatten()
        fired = drive(part, rows) if drive else run(agent, part, x[rows])
        relayed[part] = rows, _of(fired, agent.levels.relay)
        spikes.append((fired, rows))
        running = torch.zeros_like(agent.network.state.alive)
        running[_slots(agent, part)] = True
        best = ways[rows, 0] == part
        for mine in (best, ~best):
            if mine.any():
                said = Spikes(fired.slots, fired.counts[:, mine])
                one = work_of(agent.network, said, per_channel(x[rows[mine]]), running, x.shape[1])
                one *= int(mine.sum()) / len(x)
                work, goes_on = work + one, goes_on + one if mine is best else goes_on
    return Features(gate.counted(counts, relayed), Spikes.joined(spikes, len(x)), work, goes_on)


def run(agent: GatingAgent, part: int, x: Tensor) -> Spikes:
    """Let a north part and the relay run for samples x [b, T, I], and nobody else."""
    running = torch.zeros_like(agent.network.state.alive)
    running[_slots(agent, part)] = True
    outputs = torch.tensor(agent.levels.south[0].outputs, device=agent.network.device)  # somebody must be read
    with torch.no_grad():
        return Spikes.of(agent.network.run(x, outputs, running).counts.to("cpu", torch.float64))


def part_of(agent: GatingAgent, part: int, spikes: Spikes) -> Spikes:
    """Of the spikes of an expert those of its north part and the relay."""
    mine = torch.isin(spikes.slots, torch.tensor(_slots(agent, part))) & spikes.counts.any(1)
    return Spikes(spikes.slots[mine], spikes.counts[mine].double())


def cost(agent: GatingAgent, gate: LevelsGating, x: Tensor, counts: Tensor) -> GateCost:
    """What the gates take off the chip to choose experts for x [B, T, I], of what they were shown; a sample, mean."""
    steps = heard_steps(agent.options.listen, x.shape[1])
    entered, relayed, work = float(per_channel(x[:, :steps]).sum()), gate.relayed(counts), gate.work(counts)
    return GateCost(
        adds_per_sample=work.additions,
        multiplications_per_sample=work.multiplications,
        counted_spikes=relayed if gate.chip else entered + relayed,
        stored_values=gate.stored_values,
        buffered_spikes=entered + relayed,
        heard=2 * steps,
        latency=2 * steps,
    )


def show(agent: GatingAgent, batches: TaskBatches) -> None:
    """Show gates on two levels a task that has ended, while its own north part drives the relay; only once."""
    gate = agent.gate
    if not isinstance(gate, LevelsGating):
        return
    known = {*gate.classes}
    gate.renew({e.number: (e.path[0], e.path[1]) for e in agent.experts}, len(agent.levels.relay))
    for x, wanted in batches.once():
        labels = wanted.labels
        for label in sorted({*labels.tolist()} - known):
            rows, expert = labels == label, gate.assignment.expert_of[label]
            gate.observe(heard(agent, gate, x[rows], (expert,)).counts, labels[rows], batches.task)


def _slots(agent: GatingAgent, part: int) -> list[int]:
    """Neurons of a north part and of the relay."""
    return [*agent.levels.north[part].neurons, *agent.levels.relay]


def _of(spikes: Spikes, slots: list[int]) -> Tensor:
    """Counts of some neurons in every sample [b, n], of spikes."""
    wanted = torch.tensor(slots)
    counts = torch.zeros(len(slots), spikes.counts.shape[1], dtype=torch.float64)
    there = torch.isin(wanted, spikes.slots)
    counts[there] = spikes.counts[torch.searchsorted(spikes.slots, wanted[there])].double()
    return counts.T
