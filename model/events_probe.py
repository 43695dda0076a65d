"""A probe that holds events: see ``model.probe``. Adjoints are kept of those slots alone that were asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from model import events_signal
from model.events import Circuit, Past, as_events, run_backward, run_forward, scatter
from model.events_arrays import aligned, from_slots, to_slots
from model.events_kernels import Tape
from model.events_plan import Array, Ints
from model.events_signal import Wires
from model.threads import in_threads

Gradients = Callable[[Tensor, Tensor], tuple[Tensor, ...]]


@dataclass(frozen=True)
class EventProbe:
    """What a batch did and wants, as events."""

    circuit: Circuit
    past: Past
    x: Array  # [B, T, I]
    counts: Tensor  # [N, B]
    loss: Tensor  # [B]
    of_outputs: Array  # [T, O, B] direct gradient of the output membranes
    of_counts: Array | None  # [units, B] direct gradient of spikes; None for zero
    banks: Ints  # [D] banks whose adjoints are kept
    kept: Sequence[Array]  # their adjoints in every block, flat [D * T * samples * lanes]
    gradient: Tensor  # [K, R, n] of the rows in use

    @staticmethod
    def of(weight: Tensor, circuit: Circuit, x: Tensor, gradients: Gradients, targets: Tensor) -> EventProbe:
        """Run a batch forward and backward.

        Args:
            weight, circuit, x: as in ``model.events.simulate``; the circuit has the adjoints of all neurons.
            gradients: from output membranes [T, O, B] and spike counts [N, B] to the loss of each sample [B] and its
                gradients with respect to both.
            targets: slots whose adjoints to keep [D].
        """
        events = as_events(x, weight.dtype)
        past = run_forward(circuit, weight, events, keep=True)
        counts = torch.from_numpy(to_slots(circuit.plan, past.counts, weight[:, 0].numel()))
        loss, of_outputs, of_counts = gradients(torch.from_numpy(past.outputs), counts)
        spikes = from_slots(circuit.plan, of_counts.numpy())
        fresh = EventProbe(
            circuit,
            past,
            events,
            counts,
            loss,
            of_outputs.contiguous().numpy(),
            spikes,
            np.empty(0, dtype=np.int64),
            (),
            torch.zeros(weight.shape, dtype=weight.dtype),
        )
        return fresh.asked(targets)

    def asked(self, targets: Tensor) -> EventProbe:
        """The same probe with the adjoints of these slots; costs a backward pass."""
        plan, steps = self.circuit.plan, self.x.shape[1]
        unit = self._units(targets.numpy())
        banks = np.unique(unit[unit >= 0] // plan.lanes)
        size = len(banks) * steps * plan.lanes
        kept = [aligned(size * block.samples, self.circuit.dtype) for block in self.past.blocks]
        parts = run_backward(self.circuit, self.past, self.of_outputs, self.of_counts, banks, kept)
        gradient = torch.zeros_like(self.gradient)
        scatter(plan, self.circuit.width, parts, gradient.numpy())
        return replace(self, banks=banks, kept=kept, gradient=gradient)

    @property
    def presynaptic(self) -> Tensor:
        """See ``Probe``."""
        neurons = len(self.counts)
        every = self.drive(torch.arange(neurons + self.x.shape[2]))
        steps, _, batch = every.shape
        found = torch.zeros(steps + 1, every.shape[1] + 1, batch, dtype=every.dtype)
        found[:-1, :-1] = every
        for block in self.past.blocks:
            found[-1, :neurons, block.here] = torch.from_numpy(self._last_spikes(block.tape, block.samples))
        return found

    @property
    def delta(self) -> Tensor:
        """See ``Probe``."""
        return self.adjoints(torch.arange(len(self.counts)))

    def drive(self, sources: Tensor) -> Tensor:
        """See ``Probe``."""
        wires, steps = self._wires(sources), self.x.shape[1]
        found = np.empty((steps, len(sources), len(self.x)), dtype=self.circuit.dtype)
        for block in self.past.blocks:
            here = np.zeros((steps, len(sources), block.samples), dtype=found.dtype)
            events_signal.spikes(wires, block.tape, block.samples, steps, here.reshape(-1))
            found[:, :, block.here] = here
        return torch.from_numpy(found)

    def adjoints(self, targets: Tensor) -> Tensor:
        """See ``Probe``."""
        batch, steps, _ = self.x.shape
        lanes = self.circuit.plan.lanes
        found = np.zeros((steps, len(targets), batch), dtype=self.circuit.dtype)
        place, lane, known = self._places(targets.numpy())
        for block, kept in zip(self.past.blocks, self.kept, strict=True):
            by_bank = kept.reshape(len(self.banks), steps, block.samples, lanes)
            found[:, known, block.here] = by_bank[place[known], :, :, lane[known]].swapaxes(0, 1)
        return torch.from_numpy(found)

    def moments(self, leak: float, sources: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Probe``."""
        wires, blocks = self._wires(sources), self.past.blocks
        batch, steps, _ = self.x.shape
        place, lane, known = self._places(targets.numpy())
        banks, group = np.unique(place[known], return_inverse=True)
        count, width, lanes = len(sources), self.circuit.width, self.circuit.plan.lanes
        of_targets = self._zeros(len(blocks), count, len(banks) * lanes)
        of_sources, last = self._zeros(len(blocks), count, count), self._zeros(batch, count)

        def work(number: int) -> None:
            here, tape, samples = blocks[number].here, blocks[number].tape, blocks[number].samples
            mu, delta = self._zeros(samples, len(banks) * lanes).reshape(-1), self.kept[number]
            into = of_targets[number].reshape(-1)
            events_signal.moment(width, wires, tape, samples, leak, steps, delta, banks, mu, into)
            into = of_sources[number].reshape(-1)
            events_signal.covariance(width, wires, tape, samples, steps, leak, last[here].reshape(-1), into)

        in_threads(work, range(len(blocks)), self.circuit.threads)
        moment = torch.zeros(len(targets), count, dtype=self.loss.dtype)
        moment[torch.from_numpy(known)] = torch.from_numpy(of_targets.sum(0)[:, group * lanes + lane[known]].T / batch)
        half, end = (torch.from_numpy(part[:, :count]) for part in (of_sources.sum(0), last))
        covariance = (half + half.T - leak**2 * (end.T @ end)) / ((1 - leak**2) * batch * steps)
        return moment, covariance

    def _zeros(self, *shape: int) -> Array:
        """Zeros of this shape, the last axis padded to whole banks."""
        lanes = self.circuit.plan.lanes
        padded = (*shape[:-1], -(-shape[-1] // lanes) * lanes)
        return aligned(math.prod(padded), self.circuit.dtype).reshape(padded)

    def _units(self, slots: Ints) -> Ints:
        """Units of slots, -1 for those that do not run."""
        slot = self.circuit.plan.slot
        unit = np.full(len(self.counts), -1, dtype=np.int64)
        unit[slot[slot >= 0]] = np.flatnonzero(slot >= 0)
        return unit[slots]

    def _places(self, slots: Ints) -> tuple[Ints, Ints, Array]:
        """Where the adjoints of slots are kept: which of the banks, which lane; and whether they are at all."""
        unit, lanes = self._units(slots), self.circuit.plan.lanes
        place = np.full(self.circuit.plan.banks + 1, -1, dtype=np.int64)
        place[self.banks] = np.arange(len(self.banks))
        of_slots = np.where(unit >= 0, place[unit // lanes], -1)
        return of_slots, unit % lanes, of_slots >= 0

    def _wires(self, sources: Tensor) -> Wires:
        plan, neurons = self.circuit.plan, len(self.counts)
        place = np.full(neurons + self.x.shape[2], -1, dtype=np.int32)
        place[sources.numpy()] = np.arange(len(sources))
        of_units = np.where(plan.slot >= 0, place[plan.slot], -1).astype(np.int32)
        banks = np.flatnonzero((of_units >= 0).reshape(-1, plan.lanes).any(1))
        return Wires(np.concatenate([of_units, place[neurons:]]), banks, plan.lanes, len(sources))

    def _last_spikes(self, tape: Tape, samples: int) -> Array:
        """Spikes of the last step, which arrive nowhere, [N, samples]."""
        plan = self.circuit.plan
        found = np.zeros((len(self.counts), samples), dtype=self.circuit.dtype)
        for bank in range(plan.banks):
            row = len(tape.fired_at) - 1 - plan.banks + bank
            code = tape.fired[tape.fired_at[row] : tape.fired_at[row + 1]].astype(np.int64)
            found[plan.slot[bank * plan.lanes + code % plan.lanes], code // plan.lanes] = 1
        return found
