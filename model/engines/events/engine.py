"""The event-driven engine: training on a CPU whose cost follows the spikes; same call and numbers as the dense engine.

Forward adds the link rows of the neurons that fired; backward visits the neurons inside the surrogate's support and
the links of neurons that fired. The batch is cut into blocks of samples, which threads take in turn; how it is cut
depends on the batch alone, so that results do not depend on the number of threads. Needs numba. Knows no readout, no
loss and no growth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smalti.model.engines.events.arrays import aligned
from smalti.model.engines.events.circuit import Block, Circuit, block_of, blocks_of
from smalti.model.engines.events.grading import input_spikes
from smalti.model.engines.events.kernels.backward import backward
from smalti.model.engines.events.kernels.devices import gather
from smalti.model.engines.events.kernels.devices import scatter as sum_up
from smalti.model.engines.events.kernels.forward import forward
from smalti.model.engines.events.kernels.lanes import Width
from smalti.model.engines.events.plan import Array, Plan
from smalti.model.engines.threads import in_threads


@dataclass(frozen=True)
class Past:
    """What a forward run leaves."""

    segments: Array  # weights, flat [segments * lanes]
    outputs: Array  # membranes of the output units [T, O, B]
    counts: Array  # spikes of every slot [N, B]
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
    segments = aligned((plan.segments + 1) * plan.lanes, dtype)  # the last is of zeros
    gather(circuit.width, plan.row, plan.graph.bank, plan.column, weight.detach().view(-1).numpy(), segments)
    outputs = np.empty((steps, len(plan.graph.outputs), batch), dtype=dtype)
    counts = np.zeros((weight.shape[0] * weight.shape[2], batch), dtype=dtype)
    blocks = [block_of(circuit, here, steps, channels, keep) for here in blocks_of(batch)]
    flat = x.reshape(-1), counts.reshape(-1)

    def work(block: Block) -> None:
        state = block.state
        state.rest()
        forward(
            circuit.width,
            plan.graph,
            circuit.cells,
            circuit.slow,
            segments,
            flat[0],
            block.here.start,
            block.samples,
            block.tape,
            keep,
            state.v,
            state.trace,
            state.awake,
            flat[1],
            outputs,
        )

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
        grad_counts: gradient of every spike of a slot [N, B]; None for zero.
        banks: whose adjoints to keep [D].
        delta: them, of every block, flat [D * T * samples * lanes]; written where it is given.
    """
    plan, dtype = circuit.plan, circuit.dtype
    parts = aligned(len(past.blocks) * past.segments.size, dtype).reshape(len(past.blocks), -1)
    nothing = np.zeros(0, dtype=dtype)
    none = np.zeros(0, dtype=np.int64)
    of_outputs, of_counts = np.ascontiguousarray(grad_outputs), nothing
    if grad_counts is not None:
        of_counts = np.ascontiguousarray(grad_counts).reshape(-1)

    def work(number: int) -> None:
        block = past.blocks[number]
        state = block.state
        state.forget()
        backward(
            circuit.width,
            plan.graph,
            circuit.cells,
            circuit.slow,
            past.segments,
            block.tape,
            block.here.start,
            block.samples,
            of_outputs,
            of_counts,
            state.adjoint,
            state.of_membrane,
            state.of_trace,
            state.room,
            parts[number],
            none if banks is None else banks,
            nothing if delta is None else delta[number],
        )

    in_threads(work, range(len(past.blocks)), circuit.threads)
    return parts


def record(
    weight: Tensor, circuit: Circuit, x: Tensor
) -> tuple[Tensor, Tensor, Tensor, Callable[[Tensor | None, Tensor | None], Tensor]]:
    """Run a batch: output membranes [T, O, B], spike counts [N, B], those of input channels [I], and what goes back.

    The last is called with the gradients of both, None for zero, and returns that of the weights [K, R, n]. Arguments
    as in ``simulate``.
    """
    past, plan = run_forward(circuit, weight, as_events(x, weight.dtype), keep=True), circuit.plan
    shape = weight.shape

    def backward(of_outputs: Tensor | None, of_counts: Tensor | None) -> Tensor:
        outputs = np.zeros_like(past.outputs) if of_outputs is None else of_outputs.numpy()
        counts = None if of_counts is None else of_counts.numpy()
        gradient = np.zeros(shape, dtype=circuit.dtype)
        scatter(plan, circuit.width, run_backward(circuit, past, outputs, counts), gradient)
        return torch.from_numpy(gradient)

    membrane, counts = torch.from_numpy(past.outputs), torch.from_numpy(past.counts)
    return membrane, counts, input_spikes(past.blocks, x.shape[2]), backward


class _Simulate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, circuit: Circuit, x: Tensor) -> tuple[Tensor, Tensor]:
        membrane, counts, _, ctx.back = record(weight, circuit, x)
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
    return torch.from_numpy(past.outputs), torch.from_numpy(past.counts)


def as_events(x: Tensor, dtype: torch.dtype) -> Array:
    """Input spikes in a form that the kernels read: bytes where that is enough, else the network's numbers."""
    if x.dtype == torch.bool:
        x = x.view(torch.uint8)
    if x.dtype != torch.uint8:
        x = x.to(dtype)
    return x.detach().contiguous().numpy()


def scatter(plan: Plan, width: Width, parts: Array, into: Array) -> None:
    """Sum weight gradients of segments [blocks, segments * lanes] into those of crossbars [K, R, n], zero before."""
    sum_up(width, plan.row, plan.graph.bank, plan.column, plan.learns, parts.reshape(-1), into.reshape(-1))
