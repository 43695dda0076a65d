"""A probe that holds events: see ``model.probe``. Adjoints are kept of those slots alone that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from smalti.model.engines.events.arrays import aligned
from smalti.model.engines.events.circuit import Circuit
from smalti.model.engines.events.engine import Past, as_events, run_backward, run_forward, scatter
from smalti.model.engines.events.kernels.forward import Tape
from smalti.model.engines.events.plan import Array, Ints
from smalti.model.engines.events.signal import correlate, traces
from smalti.model.engines.threads import in_threads
from smalti.model.probe import Kernel

Gradients = Callable[[Tensor, Tensor], tuple[Tensor, ...]]
Pair = tuple[Kernel, int, int, int]  # of traces, what is summed, bank of the targets, bank of the sources
DELTA, TRACE = range(2)  # what is summed of the targets


@dataclass(frozen=True)
class EventProbe:
    """What a batch did and wants, as events."""

    circuit: Circuit
    past: Past
    x: Array  # [B, T, I]
    counts: Tensor  # [N, B]
    loss: Tensor  # [B]
    of_outputs: Array  # [T, O, B] direct gradient of the output membranes
    of_counts: Array | None  # [N, B] direct gradient of spikes; None for zero
    banks: Ints  # [D] banks whose adjoints are kept
    of_blocks: Sequence[Array]  # their adjoints in every block, flat [D * T * samples * lanes]
    rooms: Sequence[Array]  # where sums of every block are worked out, flat [T * samples * lanes]
    gradient: Tensor  # [K, R, n] of the rows in use
    known: dict[Pair, Array] = field(default_factory=dict, repr=False, compare=False)  # sums of pairs of banks
    live: Tensor | None = None  # [K, R, n] bool: devices from which something would arrive; None for all

    @staticmethod
    def of(
        weight: Tensor, circuit: Circuit, x: Tensor, gradients: Gradients, targets: Tensor, live: Tensor | None = None
    ) -> EventProbe:
        """Run a batch forward and backward.

        Args:
            weight, circuit, x: as in ``engines.events.engine.simulate``; the circuit has the adjoints of all neurons.
            gradients: from output membranes [T, O, B] and spike counts [N, B] to the loss of each sample [B] and its
                gradients with respect to both.
            targets: slots whose adjoints to keep [D].
            live: devices from which something would arrive [K, R, n] bool; None for all.
        """
        events = as_events(x, weight.dtype)
        past = run_forward(circuit, weight, events, keep=True)
        counts = torch.from_numpy(past.counts)
        loss, of_outputs, of_counts = gradients(torch.from_numpy(past.outputs), counts)
        spikes = of_counts.numpy() if bool(of_counts.any()) else None
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
            [aligned(events.shape[1] * block.samples * circuit.plan.lanes, circuit.dtype) for block in past.blocks],
            torch.zeros(weight.shape, dtype=weight.dtype),
            live=live,
        )
        return fresh.asked(targets)

    def asked(self, targets: Tensor) -> EventProbe:
        """The same probe with the adjoints of these slots; costs a backward pass."""
        plan, steps = self.circuit.plan, self.x.shape[1]
        bank, lane = self._places(targets)
        banks = np.unique(bank[lane >= 0])
        size = len(banks) * steps * plan.lanes
        of_blocks = [aligned(size * block.samples, self.circuit.dtype) for block in self.past.blocks]
        parts = run_backward(self.circuit, self.past, self.of_outputs, self.of_counts, banks, of_blocks)
        gradient = torch.zeros_like(self.gradient)
        scatter(plan, self.circuit.width, parts, gradient.numpy())
        if self.live is not None:
            gradient.mul_(self.live)
        return replace(self, banks=banks, of_blocks=of_blocks, gradient=gradient, known={})

    @property
    def presynaptic(self) -> Tensor:
        """See ``Probe``."""
        neurons = len(self.counts)
        every = self.drive(torch.arange(neurons + self.x.shape[2]))
        steps, _, batch = every.shape
        spikes = torch.zeros(steps + 1, every.shape[1] + 1, batch, dtype=every.dtype)
        spikes[:-1, :-1] = every
        for block in self.past.blocks:
            spikes[-1, :neurons, block.here] = torch.from_numpy(self._last_spikes(block.tape, block.samples))
        return spikes

    @property
    def delta(self) -> Tensor:
        """See ``Probe``."""
        return self.adjoints(torch.arange(len(self.counts)))

    def drive(self, sources: Tensor) -> Tensor:
        """See ``Probe``."""
        bank, lane = self._places(sources)
        banks, circuit, steps = np.unique(bank[lane >= 0]), self.circuit, self.x.shape[1]
        arrivals_of_blocks = []
        for block in self.past.blocks:
            arrivals = np.empty((len(banks), steps * block.samples * circuit.plan.lanes), dtype=circuit.dtype)
            for number, into in zip(banks.tolist(), arrivals, strict=True):
                traces(circuit.width, block.tape, block.samples, 0.0, number, into)
            arrivals_of_blocks.append(arrivals)
        return self._pick(bank, lane, banks, arrivals_of_blocks)

    def adjoints(self, targets: Tensor) -> Tensor:
        """See ``Probe``."""
        return self._pick(*self._places(targets), self.banks, self.of_blocks)

    def moments(self, kernel: Kernel, sources: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Probe``."""
        batch, steps, _ = self.x.shape
        moment = self._sums(kernel, DELTA, sources, targets) / batch
        return moment, self._sums(kernel, TRACE, sources, sources) / (batch * steps)

    def _sums(self, kernel: Kernel, kind: int, sources: Tensor, targets: Tensor) -> Tensor:
        """Sums over time and samples [Q, P]: of the adjoints, or the traces, of targets times the traces of sources."""
        (bank, lane), (to_bank, to_lane) = self._places(sources), self._places(targets)
        if kind == DELTA:
            to_lane[~np.isin(to_bank, self.banks)] = -1
        banks, to_banks = np.unique(bank[lane >= 0]), np.unique(to_bank[to_lane >= 0])
        blocks, lanes = self._blocks(kernel, kind, banks, to_banks), self.circuit.plan.lanes
        row = np.where(to_lane >= 0, np.searchsorted(to_banks, to_bank) * lanes + to_lane, -1)
        column = np.where(lane >= 0, np.searchsorted(banks, bank) * lanes + lane, -1)
        return torch.from_numpy(blocks[row][:, column])

    def _blocks(self, kernel: Kernel, kind: int, sources: Ints, targets: Ints) -> Array:
        """The sums of whole banks, each pair of banks computed once, then zeros [G * lanes + 1, S * lanes + 1]."""
        known, lanes = self.known, self.circuit.plan.lanes
        pairs = [(g, s) for g in targets.tolist() for s in sources.tolist()]
        ordered = [(max(pair), min(pair)) if kind == TRACE else pair for pair in pairs]  # C is symmetric
        self._correlate(kernel, kind, sorted({pair for pair in ordered if (kernel, kind, *pair) not in known}))
        sums = np.zeros((len(targets) * lanes + 1, len(sources) * lanes + 1), dtype=self.circuit.dtype)
        room = sums[:-1, :-1].reshape(len(targets), lanes, len(sources), lanes)
        for k, (pair, order) in enumerate(zip(pairs, ordered, strict=True)):
            block = known[kernel, kind, *order]
            room[k // len(sources), :, k % len(sources)] = block if pair == order else block.T
        return sums

    def _correlate(self, kernel: Kernel, kind: int, pairs: list[tuple[int, int]]) -> None:
        """Compute the sums of these pairs of banks, target first, sorted."""
        if not pairs:
            return
        blocks, width, lanes = self.past.blocks, self.circuit.width, self.circuit.plan.lanes
        to, of = np.array(pairs, dtype=np.int64).T.copy()
        delta = self.of_blocks if kind == DELTA else [np.empty(0, self.circuit.dtype) for _ in blocks]
        place = np.searchsorted(self.banks, to) if kind == DELTA else to
        sums = [aligned(len(pairs) * lanes**2, self.circuit.dtype) for _ in blocks]
        rows = [np.empty(max(0, -int(of.min())), dtype=np.int64) for _ in blocks]

        def work(number: int) -> None:
            tape, samples, room = blocks[number].tape, blocks[number].samples, self.rooms[number]
            correlate(width, tape, samples, *kernel, of, place, delta[number], room, rows[number], sums[number])

        in_threads(work, range(len(blocks)), self.circuit.threads)
        total = sum(sums[1:], sums[0]).reshape(-1, lanes, lanes)
        self.known.update({(kernel, kind, *pair): block.T for pair, block in zip(pairs, total, strict=True)})

    def _pick(self, bank: Ints, lane: Ints, banks: Ints, values: Sequence[Array]) -> Tensor:
        """Values of some lanes [T, S, B] out of those of whole banks; 0 of banks that are not there."""
        steps = self.x.shape[1]
        picked = np.zeros((steps, len(bank), len(self.x)), dtype=self.circuit.dtype)
        here = np.flatnonzero((lane >= 0) & np.isin(bank, banks))
        place = np.searchsorted(banks, bank[here])
        for block, flat in zip(self.past.blocks if len(here) else (), values, strict=False):
            by_bank = flat.reshape(len(banks), steps, block.samples, -1)
            picked[:, here, block.here] = by_bank[place, :, :, lane[here]].swapaxes(0, 1)
        return torch.from_numpy(picked)

    @cached_property
    def _unit(self) -> Ints:
        """Unit of every slot, -1 for those that do not run."""
        slot = self.circuit.plan.slot
        unit = np.full(len(self.counts), -1, dtype=np.int64)
        unit[slot[slot >= 0]] = np.flatnonzero(slot >= 0)
        return unit

    def _places(self, wires: Tensor) -> tuple[Ints, Ints]:
        """Bank and lane of slots and channels; lane -1 for slots that do not run. Banks of channels are -1, -2, ..."""
        wire, neurons, lanes = wires.numpy(), len(self.counts), self.circuit.plan.lanes
        channel = wire - neurons
        number = np.where(channel >= 0, channel, self._unit[np.minimum(wire, neurons - 1)])
        bank, lane = number // lanes, number % lanes
        lane[number < 0] = -1
        return np.where(channel >= 0, -1 - bank, bank), lane

    def _last_spikes(self, tape: Tape, samples: int) -> Array:
        """Spikes of the last step, which arrive nowhere, [N, samples]."""
        plan = self.circuit.plan
        spikes = np.zeros((len(self.counts), samples), dtype=self.circuit.dtype)
        for bank in range(plan.banks):
            row = len(tape.fired_at) - 1 - plan.banks + bank
            code = tape.fired[tape.fired_at[row] : tape.fired_at[row + 1]].astype(np.int64)
            spikes[plan.slot[bank * plan.lanes + code % plan.lanes], code // plan.lanes] = 1
        return spikes
