"""Numba kernels of the event-driven engine: one block of samples forward through all of time.

Neurons that run stand in *banks* of lanes (a tile is one bank, or several where more than 32 of its neurons run); a
*segment* is the row of one link in one bank. Membranes and adjoints of a block are [banks, samples, lanes], so that
whatever a segment touches lies in one piece. Banks with slow synapses have currents beside their membranes, and their
segments enter there; banks with adapting thresholds have traces of their spikes. Events of a step are sorted by bank,
sample, lane; an event is coded as sample * lanes + lane. Every sum has one order, whatever the threads. Knows no torch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smalti.model.engines.events.lanes import (
    Width,
    add,
    bits_at_least,
    bits_within,
    kernel,
    lanes_of,
    load,
    lowest_bit,
    multiply,
    part,
    spread,
    store,
    subtract_product,
    where_at_least,
    zeros,
)
from smalti.model.engines.events.plan import Array, Bools, Graph, Ints

THETA, REACH, HEIGHT, SLOPE, NEGLIGIBLE, ZERO, ONE = range(7)  # places in Cells.constants
TRIANGLE, FAST_SIGMOID = 0, 1
BLOCK = 32  # most samples of a block

Floats = Array  # of the network's precision


class Cells(NamedTuple):
    """What the neurons are like."""

    leak: Floats  # [units] share of the membrane that is kept in a step
    threshold: Floats  # [units] infinite for those that never fire
    support: Floats  # [units] half-width of the surrogate's support; 0 where no adjoint is wanted
    synapse: Floats  # [units] share of the synaptic current that is kept; 0 for no slow synapse
    strength: Floats  # [units] rise of the threshold by a spike; 0 where it does not adapt
    recovery: Floats  # [units] share of that rise that is kept
    slow: Bools  # [banks] with slow synapses
    adapts: Bools  # [banks] with adapting thresholds
    entry: NDArray[
        np.int32
    ]  # [segments] where its current arrives: a bank's membranes, or banks + that for its currents
    constants: Floats  # [7] theta, half-width, height, slope of the surrogate, what counts as zero, 0, 1
    surrogate: int  # TRIANGLE or FAST_SIGMOID
    hard: bool  # a spike sets the membrane to zero instead of subtracting theta
    reset_gradient: bool


class Tape(NamedTuple):
    """What happened in a block."""

    inputs: NDArray[np.uint32]  # input events: channel * BLOCK + sample
    strength: Floats  # and their values
    inputs_at: Ints  # [T + 1] where each step begins
    fired: NDArray[np.uint16]  # spikes, as codes
    fired_at: Ints  # [T * banks + 1] where each bank of each step begins
    active: NDArray[np.uint16]  # membranes inside the support, as codes
    membrane: Floats  # and their values
    raised: Floats  # by how much their thresholds were raised; only of banks with adapting thresholds
    active_at: Ints  # [T * banks + 1]


@kernel
def forward(
    width: Width,
    graph: Graph,
    cells: Cells,
    weight: Floats,
    x: Array,
    tape: Tape,
    keep: bool,
    v: Floats,
    trace: Floats,
    counts: Floats,
    outputs: Floats,
) -> None:
    """Run a block from rest.

    Args:
        width: lanes of a bank.
        graph, cells: the network.
        weight: of all segments, flat [segments * lanes].
        x: input spikes [samples, T, I].
        tape: written; without ``keep`` it has room for one step, and only the last is left.
        keep: keep what the backward pass needs.
        v: membranes, flat [banks * samples * lanes], zero; then as many synaptic currents, if some synapse is slow.
        trace: of the spikes of every unit, [banks * samples * lanes], zero; empty if no threshold adapts.
        counts: spikes of every unit, [banks * samples * lanes], zero.
        outputs: membranes of the output units [T, O, samples], written.
    """
    lanes, samples, steps = lanes_of(width), x.shape[0], x.shape[1]
    banks = cells.leak.size // lanes
    # Banks that something has reached; all others are at rest, which only matters where rest is inside the support.
    awake = np.empty(banks, dtype=np.bool_)
    for bank in range(banks):
        awake[bank] = keep and cells.constants[REACH] > cells.constants[THETA]
    inputs = fired = active = 0
    for t in range(steps):
        row = t * banks if keep else 0
        if not keep:
            inputs = fired = 0
        tape.inputs_at[t if keep else 0] = inputs
        inputs = listen(width, graph, cells.entry, weight, x, t, tape, inputs, v, awake)
        for bank in range(banks):
            if awake[bank] and cells.slow[bank]:
                _pass_synapses(width, cells, bank, banks + bank, samples, v)
        _read(graph.outputs, lanes, samples, v, outputs[t])
        for bank in range(banks):
            tape.fired_at[row + bank], tape.active_at[row + bank] = fired, active
            if awake[bank] and cells.adapts[bank]:
                fired, active = fire(width, cells, bank, samples, tape, keep, fired, active, v, counts, trace)
            elif awake[bank]:
                fired, active = fire(width, cells, bank, samples, tape, keep, fired, active, v, counts, None)
        tape.fired_at[row + banks], tape.active_at[row + banks] = fired, active
        if t + 1 < steps:
            send(width, graph, cells.entry, weight, row, banks, samples, tape, v, awake)
    tape.inputs_at[steps if keep else 1] = inputs


@part
def listen(
    width: Width,
    graph: Graph,
    entry: NDArray[np.int32],
    weight: Floats,
    x: Array,
    t: int,
    tape: Tape,
    inputs: int,
    v: Floats,
    awake: Bools,
) -> int:
    """Add the inputs of step t to where they arrive; returns the number of input events so far."""
    lanes, samples, channels = lanes_of(width), x.shape[0], x.shape[2]
    units = graph.learning.size - channels
    first = inputs
    for sample in range(samples):
        for channel in range(channels):  # written in any case, counted if it is an event: no branch to mispredict
            tape.inputs[inputs] = channel * BLOCK + sample
            tape.strength[inputs] = x[sample, t, channel]
            inputs += x[sample, t, channel] != 0
    for event in range(first, inputs):
        code = int(tape.inputs[event])
        source, sample = units + code // BLOCK, code % BLOCK
        strength = spread(width, tape.strength[event])
        for segment in range(graph.start[source], graph.start[source + 1]):
            awake[graph.bank[segment]] = True
            place = (entry[segment] * samples + sample) * lanes
            gain = multiply(load(width, weight, segment * lanes), strength)
            store(v, place, add(load(width, v, place), gain))
    return inputs


@part
def _pass_synapses(width: Width, cells: Cells, bank: int, currents: int, samples: int, v: Floats) -> None:
    """Add the synaptic currents of a bank to its membranes, then let them decay."""
    lanes = lanes_of(width)
    synapse = load(width, cells.synapse, bank * lanes)
    for sample in range(samples):
        place, arrived = (bank * samples + sample) * lanes, (currents * samples + sample) * lanes
        current = load(width, v, arrived)
        store(v, place, add(load(width, v, place), current))
        store(v, arrived, multiply(current, synapse))


@part
def fire(
    width: Width,
    cells: Cells,
    bank: int,
    samples: int,
    tape: Tape,
    keep: bool,
    fired: int,
    active: int,
    v: Floats,
    counts: Floats,
    trace: Floats | None,
) -> tuple[int, int]:
    """Find the spikes of a bank and the membranes inside the support; then leak and reset. Returns how many so far.

    Without a ``trace`` no threshold of the bank adapts; numba compiles either case by itself.
    """
    lanes = lanes_of(width)
    leak, threshold = load(width, cells.leak, bank * lanes), load(width, cells.threshold, bank * lanes)
    support = load(width, cells.support, bank * lanes)
    nothing, theta = zeros(width, v), spread(width, -cells.constants[THETA])
    one = spread(width, cells.constants[ONE])
    for sample in range(samples):
        place = (bank * samples + sample) * lanes
        membrane = load(width, v, place)
        if trace is None:
            potential = membrane
        else:
            past, fall = load(width, trace, place), load(width, cells.strength, bank * lanes)
            potential = subtract_product(membrane, fall, past)
        if keep:
            bits = bits_within(potential, threshold, support)
            while bits:
                lane = lowest_bit(bits)
                tape.active[active] = sample * lanes + lane
                tape.membrane[active] = v[place + lane]
                if trace is not None:
                    tape.raised[active] = cells.strength[bank * lanes + lane] * trace[place + lane]
                active += 1
                bits &= bits - np.uint64(1)
        leaked = multiply(membrane, leak)
        reset = nothing if cells.hard else add(leaked, theta)
        store(v, place, where_at_least(potential, threshold, reset, leaked))
        bits = bits_at_least(potential, threshold)
        if trace is not None:
            kept = multiply(past, load(width, cells.recovery, bank * lanes))
            store(trace, place, where_at_least(potential, threshold, add(kept, one), kept))
        while bits:
            lane = lowest_bit(bits)
            tape.fired[fired] = sample * lanes + lane
            counts[place + lane] += cells.constants[ONE]
            fired += 1
            bits &= bits - np.uint64(1)
    return fired, active


@part
def send(
    width: Width,
    graph: Graph,
    entry: NDArray[np.int32],
    weight: Floats,
    row: int,
    banks: int,
    samples: int,
    tape: Tape,
    v: Floats,
    awake: Bools,
) -> None:
    """Add the link rows of the neurons that fired to where they arrive."""
    lanes = lanes_of(width)
    for bank in range(banks):
        if tape.fired_at[row + bank] < tape.fired_at[row + bank + 1]:
            for k in range(graph.near_start[bank], graph.near_start[bank + 1]):
                awake[graph.near[k]] = True
        for event in range(tape.fired_at[row + bank], tape.fired_at[row + bank + 1]):
            code = np.int64(tape.fired[event])
            sample, unit = code // lanes, bank * lanes + code % lanes
            for segment in range(graph.start[unit], graph.start[unit + 1]):
                place = (entry[segment] * samples + sample) * lanes
                store(v, place, add(load(width, v, place), load(width, weight, segment * lanes)))


@part
def _read(units: Ints, lanes: int, samples: int, v: Floats, into: Floats) -> None:
    for k in range(units.size):
        bank, lane = units[k] // lanes, units[k] % lanes
        for sample in range(samples):
            into[k, sample] = v[(bank * samples + sample) * lanes + lane]


@kernel
def gather(
    width: Width, row: Ints, bank: NDArray[np.int32], column: NDArray[np.int32], devices: Floats, into: Floats
) -> None:
    """Weights of segments, flat [segments * lanes], from crossbars, flat [K * R * n].

    Args:
        width: lanes of a bank.
        row: [segments] first device of the row of a segment.
        bank: [segments] bank of a segment.
        column: [banks * lanes] column of the tile, -1 where a lane holds no neuron.
        devices: of all crossbars.
        into: written.
    """
    lanes = lanes_of(width)
    for segment in range(row.size):
        first = bank[segment] * lanes
        for lane in range(lanes):
            place = column[first + lane]
            into[segment * lanes + lane] = devices[row[segment] + place] if place >= 0 else 0


@kernel
def scatter(
    width: Width,
    row: Ints,
    bank: NDArray[np.int32],
    column: NDArray[np.int32],
    learns: Bools,
    parts: Floats,
    into: Floats,
) -> None:
    """Sum gradients of segments over blocks into crossbars.

    Args:
        width, row, bank, column: as in ``gather``.
        learns: [segments * lanes] devices whose gradient is wanted.
        parts: [blocks, segments * lanes].
        into: flat [K * R * n], zero where nothing learns.
    """
    lanes = lanes_of(width)
    for segment in range(row.size):
        for lane in range(lanes):
            if learns[segment * lanes + lane]:
                summed = parts[0, segment * lanes + lane]
                for block in range(1, len(parts)):
                    summed += parts[block, segment * lanes + lane]
                into[row[segment] + column[bank[segment] * lanes + lane]] = summed
