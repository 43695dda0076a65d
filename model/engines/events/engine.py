"""The event-driven engine: training on a CPU whose cost follows the spikes; same call and numbers as the dense engine.

Forward adds the link rows of the neurons that fired; backward visits the neurons inside the surrogate's support and
the links of neurons that fired. The batch is cut into blocks of samples, which threads take in turn; how it is cut
depends on the batch alone, so that results do not depend on the number of threads. Needs numba. Knows no readout, no
loss and no growth.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from smalti.model.engines.events import forward as kernels
from smalti.model.engines.events.arrays import aligned, from_slots, line_up, to_banks, to_slots, to_units
from smalti.model.engines.events.backward import WINDOW, backward
from smalti.model.engines.events.cache import prepare_kernels
from smalti.model.engines.events.forward import BLOCK, Cells, Tape
from smalti.model.engines.events.lanes import Width, width_of
from smalti.model.engines.events.plan import Array, Plan
from smalti.model.engines.threads import in_threads
from smalti.model.neuron import NetworkOptions

SPARE = 8  # blocks of a kind whose memory a circuit keeps
NEGLIGIBLE = 1e-30  # adjoints below are zero: numbers so small would soon be denormal and slow


@dataclass(frozen=True)
class Circuit:
    """A plan with the neurons' parameters: all that the engine needs beside weights and inputs."""

    plan: Plan
    cells: Cells
    width: Width
    threads: int | None  # as many as torch has
    spare: dict[tuple[int, int, int], list[Held]] = field(default_factory=dict)  # what nobody holds any more

    @staticmethod
    def of(plan: Plan, constants: Sequence[Array], options: NetworkOptions, threads: int | None) -> Circuit:
        """Circuit of a plan.

        Args:
            plan: what runs.
            constants: leak, synapse, strength and recovery of every slot [N].
            options: what all neurons share.
            threads: most threads that compute; None for as many as torch has.
        """
        dtype, lanes, bank = np.dtype(options.precision), plan.lanes, plan.graph.bank
        leak, synapse, strength, recovery = (values[plan.slot] * (plan.slot >= 0) for values in constants)
        slow, adapts = (np.any(values.reshape(-1, lanes) > 0, axis=1) for values in (synapse, strength))
        reach, steepness = options.surrogate_width, options.surrogate_slope
        shared = [options.threshold, reach, options.surrogate_height, steepness, NEGLIGIBLE, 0, 1]
        cells = Cells(
            leak=line_up(leak, dtype),
            threshold=line_up(np.where(plan.fires, options.threshold, np.inf), dtype),
            support=line_up(np.where(plan.needs_adjoint, reach, 0), dtype),
            synapse=line_up(synapse, dtype),
            strength=line_up(strength, dtype),
            recovery=line_up(recovery, dtype),
            slow=slow,
            adapts=adapts,
            entry=bank + (len(slow) * slow[bank]).astype(bank.dtype),
            constants=np.array(shared, dtype=dtype),
            surrogate=kernels.TRIANGLE if options.surrogate == "triangle" else kernels.FAST_SIGMOID,
            hard=options.reset == "hard",
            reset_gradient=options.reset_gradient,
        )
        prepare_kernels()
        return Circuit(plan, cells, width_of(plan.lanes), threads)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of weights and membranes."""
        return self.cells.leak.dtype

    @property
    def slow(self) -> bool:
        """Whether some synapse is slow."""
        return bool(self.cells.slow.any())

    @property
    def adapts(self) -> bool:
        """Whether some threshold adapts."""
        return bool(self.cells.adapts.any())


class Room(NamedTuple):
    """Where a block is worked out; what the arrays are is said in ``forward`` and ``backward``."""

    v: Array
    trace: Array
    fired: Array
    adjoint: Array
    of_membrane: Array
    of_trace: Array
    stash: Array


Held = tuple[Tape, Room]


@dataclass(frozen=True)
class Block:
    """Samples that run together, and what happened in them."""

    here: slice  # samples of the batch
    tape: Tape
    room: Room

    @property
    def samples(self) -> int:
        """How many."""
        return int(self.here.stop - self.here.start)


@dataclass(frozen=True)
class Past:
    """What a forward run leaves."""

    segments: Array  # weights, flat [segments * lanes]
    outputs: Array  # membranes of the output units [T, O, B]
    counts: Array  # spikes of every unit [units, B]
    blocks: Sequence[Block]


def run_forward(circuit: Circuit, weight: Tensor, x: Array, keep: bool) -> Past:
    """Run a batch from rest.

    Args:
        circuit: what runs.
        weight: crossbar devices [K, R, n].
        x: input spikes [B, T, I], as ``as_events`` gives them.
        keep: keep the tape that ``run_backward`` needs; without it, the run is faster and takes next to no memory.
    """
    batch, steps, channels = x.shape
    plan, dtype = circuit.plan, circuit.dtype
    segments = aligned(plan.segments * plan.lanes, dtype)
    kernels.gather(circuit.width, plan.row, plan.graph.bank, plan.column, weight.detach().view(-1).numpy(), segments)
    outputs = np.empty((steps, len(plan.graph.outputs), batch), dtype=dtype)
    counts = np.empty((plan.units, batch), dtype=dtype)
    blocks = [_block(circuit, here, steps, channels, keep) for here in blocks_of(batch)]

    def work(block: Block) -> None:
        room, read = block.room, np.empty((steps, outputs.shape[1], block.samples), dtype=dtype)
        for part in (room.v, room.trace, room.fired):
            part.fill(0)
        kernels.forward(
            circuit.width,
            plan.graph,
            circuit.cells,
            segments,
            x[block.here],
            block.tape,
            keep,
            room.v,
            room.trace,
            room.fired,
            read,
        )
        outputs[:, :, block.here] = read
        counts[:, block.here] = to_units(room.fired, plan.lanes, block.samples)

    in_threads(work, blocks, circuit.threads)
    return Past(segments, outputs, counts, blocks)


def run_backward(
    circuit: Circuit,
    past: Past,
    grad_outputs: Array,
    grad_counts: Array | None,
    banks: Array | None = None,
    delta: Sequence[Array] | None = None,
) -> Array:
    """Run a batch backward: weight gradients of the segments by block, [blocks, segments * lanes].

    Args:
        circuit, past: of ``run_forward`` with a tape.
        grad_outputs: gradient of the output membranes [T, O, B].
        grad_counts: gradient of every spike of a unit [units, B]; None for zero.
        banks: whose adjoints to keep [D].
        delta: them, of every block, flat [D * T * samples * lanes]; written where it is given.
    """
    plan, dtype = circuit.plan, circuit.dtype
    parts = aligned(len(past.blocks) * past.segments.size, dtype).reshape(len(past.blocks), -1)
    nothing = np.zeros(0, dtype=dtype)
    none = np.zeros(0, dtype=np.int64)

    def work(number: int) -> None:
        block = past.blocks[number]
        room = block.room
        for part in (room.adjoint, room.of_membrane, room.of_trace):
            part.fill(0)
        backward(
            circuit.width,
            plan.graph,
            circuit.cells,
            past.segments,
            block.tape,
            block.samples,
            np.ascontiguousarray(grad_outputs[:, :, block.here]),
            nothing if grad_counts is None else to_banks(grad_counts[:, block.here], plan.lanes),
            room.adjoint,
            room.of_membrane if circuit.slow else room.adjoint,
            room.of_trace,
            room.stash,
            parts[number],
            none if banks is None else banks,
            nothing if delta is None else delta[number],
        )

    in_threads(work, range(len(past.blocks)), circuit.threads)
    return parts


def record(
    weight: Tensor, circuit: Circuit, x: Tensor
) -> tuple[Tensor, Tensor, Callable[[Tensor | None, Tensor | None], Tensor]]:
    """Run a batch: output membranes [T, O, B], spike counts [N, B], and what goes back.

    The last is called with the gradients of both, None for zero, and returns that of the weights [K, R, n]. Arguments
    as in ``simulate``.
    """
    past, plan = run_forward(circuit, weight, as_events(x, weight.dtype), keep=True), circuit.plan
    shape, slots = weight.shape, weight.shape[0] * weight.shape[2]

    def backward(of_outputs: Tensor | None, of_counts: Tensor | None) -> Tensor:
        outputs = np.zeros_like(past.outputs) if of_outputs is None else of_outputs.numpy()
        counts = None if of_counts is None else from_slots(plan, of_counts.numpy())
        gradient = np.zeros(shape, dtype=circuit.dtype)
        scatter(plan, circuit.width, run_backward(circuit, past, outputs, counts), gradient)
        return torch.from_numpy(gradient)

    return torch.from_numpy(past.outputs), torch.from_numpy(to_slots(plan, past.counts, slots)), backward


class _Simulate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, circuit: Circuit, x: Tensor) -> tuple[Tensor, Tensor]:
        membrane, counts, ctx.back = record(weight, circuit, x)
        ctx.set_materialize_grads(False)
        return membrane, counts

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        return ctx.back(*gradients), None, None


def simulate(weight: Tensor, circuit: Circuit, x: Tensor) -> tuple[Tensor, Tensor]:
    """Differentiable run: output membranes [T, O, B] and spike counts [N, B].

    Args:
        weight: crossbar devices [K, R, n]; gradients flow to those that learn, all others get zero.
        circuit: what runs.
        x: input spikes [B, T, I], any number or bool type.
    """
    if torch.is_grad_enabled() and weight.requires_grad:
        membrane, counts = _Simulate.apply(weight, circuit, x)
        return membrane, counts
    past = run_forward(circuit, weight, as_events(x, weight.dtype), keep=False)
    return torch.from_numpy(past.outputs), torch.from_numpy(to_slots(circuit.plan, past.counts, weight[:, 0].numel()))


def as_events(x: Tensor, dtype: torch.dtype) -> Array:
    """Input spikes in a form that the kernels read: bytes where that is enough, else the network's numbers."""
    if x.dtype == torch.bool:
        x = x.view(torch.uint8)
    if x.dtype != torch.uint8:
        x = x.to(dtype)
    return x.detach().contiguous().numpy()


def scatter(plan: Plan, width: Width, parts: Array, into: Array) -> None:
    """Sum weight gradients of segments [blocks, segments * lanes] into those of crossbars [K, R, n], zero before."""
    kernels.scatter(width, plan.row, plan.graph.bank, plan.column, plan.learns, parts, into.reshape(-1))


def blocks_of(batch: int) -> list[slice]:
    """How a batch is cut; by its size alone."""
    count = max(1, -(-batch // BLOCK))
    ends = [batch * k // count for k in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(ends)]


def _block(circuit: Circuit, here: slice, steps: int, channels: int, keep: bool) -> Block:
    """A block with memory, which goes back to the circuit with its last holder, for fresh memory costs page faults."""
    samples, steps = here.stop - here.start, steps if keep else 1
    spare = circuit.spare.setdefault((samples, steps, channels), [])
    try:
        held = spare.pop()
    except IndexError:
        held = _tape(circuit, samples, steps, channels), _room(circuit, samples, keep)
    block = Block(here, *held)
    weakref.finalize(block, _give_back, spare, held)
    return block


def _give_back(spare: list[Held], held: Held) -> None:
    if len(spare) < SPARE:
        spare.append(held)


def _room(circuit: Circuit, samples: int, keep: bool) -> Room:
    size, slow, adapts = circuit.plan.units * samples, circuit.slow, circuit.adapts

    def rows(count: int, wanted: bool) -> Array:
        return aligned(count * size if wanted else 0, circuit.dtype).reshape(count, -1)

    return Room(
        v=rows(2 if slow else 1, True).reshape(-1),
        trace=rows(1, adapts).reshape(-1),
        fired=rows(1, True).reshape(-1),
        adjoint=rows(WINDOW + 1, keep),
        of_membrane=rows(2, keep and slow),
        of_trace=rows(2, keep and adapts),
        stash=rows(1, keep).reshape(-1),
    )


def _tape(circuit: Circuit, samples: int, steps: int, channels: int) -> Tape:
    """Room for all that could happen; memory is only taken by what does."""
    size, inputs = steps * circuit.plan.units * samples, steps * samples * channels + 1
    rows = steps * circuit.plan.banks + 1
    return Tape(
        inputs=np.empty(inputs, dtype=np.uint32),
        strength=np.empty(inputs, dtype=circuit.dtype),
        inputs_at=np.zeros(steps + 1, dtype=np.int64),
        fired=np.empty(size, dtype=np.uint16),
        fired_at=np.zeros(rows, dtype=np.int64),
        active=np.empty(size, dtype=np.uint16),
        membrane=np.empty(size, dtype=circuit.dtype),
        raised=np.empty(size if circuit.adapts else 0, dtype=circuit.dtype),
        active_at=np.zeros(rows, dtype=np.int64),
    )
