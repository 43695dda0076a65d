"""What runs in the event-driven engine, and the memory that it runs in, which is used again.

A circuit is a plan with the neurons' parameters. A batch runs in blocks of samples; a block has a tape of what happens
and room to work it out, both of which go back to the circuit with their last holder: fresh memory costs page faults.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from smalti.model.engines.events.arrays import aligned, line_up
from smalti.model.engines.events.cache import prepare_kernels
from smalti.model.engines.events.kernels import forward as kernels
from smalti.model.engines.events.kernels.blame import WINDOW, Room
from smalti.model.engines.events.kernels.forward import BLOCK, Cells, Tape
from smalti.model.engines.events.kernels.lanes import BYTE, Width, width_of
from smalti.model.engines.events.plan import Array, Bools, Plan
from smalti.model.neuron import NetworkOptions

SPARE = 8  # blocks of a kind whose memory a circuit keeps
NEGLIGIBLE = 1e-30  # adjoints below are zero: numbers so small would soon be denormal and slow


@dataclass(frozen=True)
class Circuit:
    """A plan with the neurons' parameters: all that the engine needs beside weights and inputs."""

    plan: Plan
    cells: Cells
    slow: Bools | None  # [banks] with slow synapses; None for none
    width: Width
    threads: int | None  # as many as torch has
    spare: dict[tuple[int, int, int, bool], list[Held]] = field(default_factory=dict)  # what nobody holds any more

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
            adapts=adapts,
            slot=plan.slot,
            entry=bank + (len(slow) * slow[bank]).astype(bank.dtype),
            constants=np.array(shared, dtype=dtype),
            surrogate=kernels.TRIANGLE if options.surrogate == "triangle" else kernels.FAST_SIGMOID,
            hard=options.reset == "hard",
            reset_gradient=options.reset_gradient,
        )
        prepare_kernels()
        return Circuit(plan, cells, slow if slow.any() else None, width_of(plan.lanes), threads)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of weights and membranes."""
        return self.cells.leak.dtype

    @cached_property
    def adapts(self) -> bool:
        """Whether some threshold adapts."""
        return bool(self.cells.adapts.any())


@dataclass(frozen=True)
class State:
    """What a block has in memory beside its tape; what the arrays are is said in ``forward`` and ``backward``."""

    v: Array
    trace: Array | None
    awake: Bools
    adjoint: Array
    of_membrane: Array  # ``adjoint`` itself if no synapse is slow
    of_trace: Array | None
    room: Room

    def rest(self) -> None:
        """Before a forward run."""
        for part in (self.v, self.trace):
            if part is not None:
                part.fill(0)

    def forget(self) -> None:
        """Before a backward run."""
        for part in (self.adjoint, self.of_membrane, self.of_trace):
            if part is not None:
                part.fill(0)


Held = tuple[Tape, State]


@dataclass(frozen=True)
class Block:
    """Samples that run together, and what happened in them."""

    here: slice  # samples of the batch
    tape: Tape
    state: State

    @property
    def samples(self) -> int:
        """How many."""
        return int(self.here.stop - self.here.start)


def blocks_of(batch: int) -> list[slice]:
    """How a batch is cut; by its size alone."""
    count = max(1, -(-batch // BLOCK))
    ends = [batch * k // count for k in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(ends)]


def block_of(circuit: Circuit, here: slice, steps: int, channels: int, keep: bool) -> Block:
    """A block for these samples of a batch, with memory that nobody holds any more, or fresh."""
    samples, steps = here.stop - here.start, steps if keep else 1
    spare = circuit.spare.setdefault((samples, steps, channels, keep), [])
    try:
        held = spare.pop()
    except IndexError:
        held = _tape(circuit, samples, steps, channels), _state(circuit, samples, keep)
    block = Block(here, *held)
    weakref.finalize(block, _give_back, spare, held)
    return block


def _give_back(spare: list[Held], held: Held) -> None:
    if len(spare) < SPARE:
        spare.append(held)


def _state(circuit: Circuit, samples: int, keep: bool) -> State:
    lanes, banks, slow, dtype = circuit.plan.lanes, circuit.plan.banks, circuit.slow is not None, circuit.dtype
    size = banks * samples * lanes
    adjoint = aligned((WINDOW + 1) * size if keep else 0, dtype)
    return State(
        v=aligned(2 * size if slow else size, dtype),
        trace=aligned(size, dtype) if circuit.adapts else None,
        awake=np.empty(banks, dtype=np.bool_),
        adjoint=adjoint,
        of_membrane=aligned(2 * size, dtype) if keep and slow else adjoint,
        of_trace=aligned(2 * size if keep else 0, dtype) if circuit.adapts else None,
        room=Room(
            stash=aligned(samples * lanes + 1 if keep else 0, dtype),
            live=np.empty(banks, dtype=np.bool_),
            reached=np.empty(banks, dtype=np.bool_),
            places=np.empty(lanes * WINDOW * samples if keep else 0, dtype=np.int64),
            spikes=np.empty(lanes, dtype=np.int64),
        ),
    )


def _tape(circuit: Circuit, samples: int, steps: int, channels: int) -> Tape:
    """Room for all that could happen, and what ``note`` writes beyond; memory is only taken by what does."""
    size, inputs = steps * circuit.plan.units * samples + BYTE, steps * samples * channels + BYTE
    rows = steps * circuit.plan.banks + 1
    return Tape(
        inputs=np.empty(inputs, dtype=np.uint32),
        strength=np.empty(inputs, dtype=circuit.dtype),
        inputs_at=np.zeros(steps + 1, dtype=np.int64),
        fired=np.empty(size, dtype=np.uint16),
        fired_at=np.zeros(rows, dtype=np.int64),
        active=np.empty(size, dtype=np.uint16),
        potential=np.empty(size, dtype=circuit.dtype),
        raised=np.empty(size if circuit.adapts else 0, dtype=circuit.dtype),
        active_at=np.zeros(rows, dtype=np.int64),
    )
