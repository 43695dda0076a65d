"""Numba kernels of the event-driven engine: one block of samples through all of time, forward and backward.

Neurons that run stand in *banks* of lanes (a tile is one bank, or several where more than 32 of its neurons run); a
*segment* is the row of one link in one bank. Membranes and adjoints of a block are [banks, samples, lanes], so that
whatever a segment touches lies in one piece. Events of a step are sorted by bank, sample, lane; an event is coded as
sample * lanes + lane. Every sum has one order, whatever the threads. Knows no torch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.events_lanes import (
    Width,
    add,
    add_product,
    bits_at_least,
    bits_within,
    drop_below,
    kernel,
    lanes_of,
    load,
    lowest_bit,
    multiply,
    spread,
    store,
    total,
    where_at_least,
    zeros,
)
from model.events_plan import Array, Bools, Graph, Ints

THETA, REACH, HEIGHT, SLOPE, NEGLIGIBLE, ZERO, ONE = range(7)  # places in Cells.constants
TRIANGLE, FAST_SIGMOID = 0, 1
BLOCK = 32  # most samples of a block

Floats = Array  # of the network's precision


class Cells(NamedTuple):
    """What the neurons are like."""

    leak: Floats  # [units] share of the membrane that is kept in a step
    threshold: Floats  # [units] infinite for those that never fire
    support: Floats  # [units] half-width of the surrogate's support; 0 where no adjoint is wanted
    constants: Floats  # [7] theta, half-width, height, slope of the surrogate, what counts as zero, 0, 1
    surrogate: int  # TRIANGLE or FAST_SIGMOID
    hard: bool  # a spike sets the membrane to zero instead of subtracting theta
    reset_gradient: bool


class Tape(NamedTuple):
    """What happened in a block."""

    heard: NDArray[np.uint32]  # input events: channel * BLOCK + sample
    strength: Floats  # and their values
    heard_at: Ints  # [T + 1] where each step begins
    fired: NDArray[np.uint16]  # spikes, as codes
    fired_at: Ints  # [T * banks + 1] where each bank of each step begins
    active: NDArray[np.uint16]  # membranes inside the support, as codes
    membrane: Floats  # and their values
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
        v: membranes, flat [banks * samples * lanes], zero.
        counts: spikes of every unit, [banks * samples * lanes], zero.
        outputs: membranes of the output units [T, O, samples], written.
    """
    lanes, samples, steps = lanes_of(width), x.shape[0], x.shape[1]
    banks = cells.leak.size // lanes
    # Banks that something has reached; all others are at rest, which only matters where rest is inside the support.
    awake = np.full(banks, keep and cells.constants[REACH] > cells.constants[THETA])
    heard = fired = active = 0
    for t in range(steps):
        row = t * banks if keep else 0
        if not keep:
            heard = fired = 0
        tape.heard_at[t if keep else 0] = heard
        heard = listen(width, graph, weight, x, t, tape, heard, v, awake)
        _read(graph.outputs, lanes, samples, v, outputs[t])
        for bank in range(banks):
            tape.fired_at[row + bank], tape.active_at[row + bank] = fired, active
            if awake[bank]:
                fired, active = fire(width, cells, bank, samples, tape, keep, fired, active, v, counts)
        tape.fired_at[row + banks], tape.active_at[row + banks] = fired, active
        if t + 1 < steps:
            send(width, graph, weight, row, banks, samples, tape, v, awake)
    tape.heard_at[steps if keep else 1] = heard


@kernel
def listen(
    width: Width,
    graph: Graph,
    weight: Floats,
    x: Array,
    t: int,
    tape: Tape,
    heard: int,
    v: Floats,
    awake: Bools,
) -> int:
    """Add the inputs of step t to the membranes; returns the number of input events so far."""
    lanes, samples, channels = lanes_of(width), x.shape[0], x.shape[2]
    units = graph.learning.size - channels
    first = heard
    for sample in range(samples):
        for channel in range(channels):  # written in any case, counted if it is an event: no branch to mispredict
            tape.heard[heard] = channel * BLOCK + sample
            tape.strength[heard] = x[sample, t, channel]
            heard += x[sample, t, channel] != 0
    for event in range(first, heard):
        code = int(tape.heard[event])
        source, sample = units + code // BLOCK, code % BLOCK
        strength = spread(width, tape.strength[event])
        for segment in range(graph.start[source], graph.start[source + 1]):
            awake[graph.bank[segment]] = True
            place = (graph.bank[segment] * samples + sample) * lanes
            gain = multiply(load(width, weight, segment * lanes), strength)
            store(v, place, add(load(width, v, place), gain))
    return heard


@kernel
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
) -> tuple[int, int]:
    """Find the spikes of a bank and the membranes inside the support; then leak and reset. Returns how many so far."""
    lanes = lanes_of(width)
    leak, threshold = load(width, cells.leak, bank * lanes), load(width, cells.threshold, bank * lanes)
    support = load(width, cells.support, bank * lanes)
    nothing, theta = zeros(width, v), spread(width, -cells.constants[THETA])
    for sample in range(samples):
        place = (bank * samples + sample) * lanes
        membrane = load(width, v, place)
        if keep:
            bits = bits_within(membrane, threshold, support)
            while bits:
                lane = lowest_bit(bits)
                tape.active[active] = sample * lanes + lane
                tape.membrane[active] = v[place + lane]
                active += 1
                bits &= bits - np.uint64(1)
        kept = multiply(membrane, leak)
        reset = nothing if cells.hard else add(kept, theta)
        store(v, place, where_at_least(membrane, threshold, reset, kept))
        bits = bits_at_least(membrane, threshold)
        while bits:
            lane = lowest_bit(bits)
            tape.fired[fired] = sample * lanes + lane
            counts[place + lane] += cells.constants[ONE]
            fired += 1
            bits &= bits - np.uint64(1)
    return fired, active


@kernel
def send(
    width: Width,
    graph: Graph,
    weight: Floats,
    row: int,
    banks: int,
    samples: int,
    tape: Tape,
    v: Floats,
    awake: Bools,
) -> None:
    """Add the link rows of the neurons that fired to the membranes they reach."""
    lanes = lanes_of(width)
    for bank in range(banks):
        if tape.fired_at[row + bank] < tape.fired_at[row + bank + 1]:
            for k in range(graph.near_start[bank], graph.near_start[bank + 1]):
                awake[graph.near[k]] = True
        for event in range(tape.fired_at[row + bank], tape.fired_at[row + bank + 1]):
            code = np.int64(tape.fired[event])
            sample, unit = code // lanes, bank * lanes + code % lanes
            for segment in range(graph.start[unit], graph.start[unit + 1]):
                place = (graph.bank[segment] * samples + sample) * lanes
                store(v, place, add(load(width, v, place), load(width, weight, segment * lanes)))


@kernel
def backward(
    width: Width,
    graph: Graph,
    cells: Cells,
    weight: Floats,
    tape: Tape,
    samples: int,
    grad_outputs: Floats,
    grad_counts: Floats,
    adjoint: Floats,
    stash: Floats,
    gradient: Floats,
    banks_kept: Ints,
    delta: Floats,
) -> None:
    """Run a block backward.

    Adjoints spread from the outputs as spikes do from the inputs: where none has come yet, nothing is done.

    Args:
        width, graph, cells, weight: as in ``forward``.
        tape: that ``forward`` kept.
        samples: of the block.
        grad_outputs: direct gradient of the output membranes [T, O, samples].
        grad_counts: direct gradient of every spike of a unit, flat [banks * samples * lanes]; empty for zero.
        adjoint: lambda, flat [banks * samples * lanes], zero.
        stash: room for as many numbers.
        gradient: of the weights of all segments, flat, added to.
        banks_kept: banks whose adjoints are to be kept [D].
        delta: them at all steps, flat [D * T * samples * lanes], written.
    """
    lanes, steps = lanes_of(width), grad_outputs.shape[0]
    banks = cells.leak.size // lanes
    live, reached = np.zeros(banks, dtype=np.bool_), np.zeros(banks, dtype=np.bool_)
    for t in range(steps - 1, -1, -1):
        row = t * banks
        for bank in range(banks):
            reached[bank] = cells.reset_gradient and live[bank]
            for k in range(graph.near_start[bank], graph.near_start[bank + 1]):
                reached[bank] |= live[graph.near[k]]
        _blame_spikes(width, graph, tape, row, reached, samples, adjoint, gradient)
        _ask(width, graph, weight, tape, row, reached, samples, adjoint, stash)
        if grad_counts.size:
            reached[:] = True
        _pass_surrogate(width, cells, tape, row, reached, samples, grad_counts, adjoint, stash)
        _carry(width, cells, tape, row, reached, live, samples, adjoint, stash)
        _write(graph.outputs, lanes, samples, grad_outputs[t], adjoint, live)
        _blame_inputs(width, graph, tape, t, samples, adjoint, gradient)
        for k in range(banks_kept.size):
            size = samples * lanes
            here, there = banks_kept[k] * size, (k * steps + t) * size
            delta[there : there + size] = adjoint[here : here + size]


@kernel
def _blame_spikes(
    width: Width,
    graph: Graph,
    tape: Tape,
    row: int,
    reached: Bools,
    samples: int,
    adjoint: Floats,
    gradient: Floats,
) -> None:
    """Weight gradient of the spikes of a step: the adjoints of the neurons they reached one step later."""
    lanes = lanes_of(width)
    for bank in np.flatnonzero(reached):
        for event in range(tape.fired_at[row + bank], tape.fired_at[row + bank + 1]):
            code = np.int64(tape.fired[event])
            sample, unit = code // lanes, bank * lanes + code % lanes
            for segment in range(graph.start[unit], graph.learning[unit]):
                place, device = (graph.bank[segment] * samples + sample) * lanes, segment * lanes
                store(gradient, device, add(load(width, gradient, device), load(width, adjoint, place)))


@kernel
def _ask(
    width: Width,
    graph: Graph,
    weight: Floats,
    tape: Tape,
    row: int,
    reached: Bools,
    samples: int,
    adjoint: Floats,
    stash: Floats,
) -> None:
    """What those behind would like each neuron inside the support to send; into ``stash``, in the order of events."""
    lanes = lanes_of(width)
    first = tape.active_at[row]
    for bank in range(reached.size):
        if not reached[bank]:
            stash[tape.active_at[row + bank] - first : tape.active_at[row + bank + 1] - first] = 0
            continue
        for event in range(tape.active_at[row + bank], tape.active_at[row + bank + 1]):
            code = np.int64(tape.active[event])
            sample, unit = code // lanes, bank * lanes + code % lanes
            wanted = zeros(width, weight)
            for segment in range(graph.start[unit], graph.start[unit + 1]):
                place = (graph.bank[segment] * samples + sample) * lanes
                wanted = add_product(wanted, load(width, weight, segment * lanes), load(width, adjoint, place))
            stash[event - first] = total(wanted)


@kernel
def _pass_surrogate(
    width: Width,
    cells: Cells,
    tape: Tape,
    row: int,
    reached: Bools,
    samples: int,
    grad_counts: Floats,
    adjoint: Floats,
    stash: Floats,
) -> None:
    """Turn what is wanted of a spike into what is wanted of the membrane."""
    lanes, constants = lanes_of(width), cells.constants
    theta, height, one = constants[THETA], constants[HEIGHT], constants[ONE]
    fall, slope = height / constants[REACH], constants[SLOPE]
    first = tape.active_at[row]
    for bank in np.flatnonzero(reached):
        here = bank * samples * lanes
        for event in range(tape.active_at[row + bank], tape.active_at[row + bank + 1]):
            code = np.int64(tape.active[event])
            wanted = stash[event - first]
            if grad_counts.size:
                wanted += grad_counts[here + code]
            membrane = tape.membrane[event]
            if cells.reset_gradient:
                lost = membrane * cells.leak[bank * lanes + code % lanes] if cells.hard else theta
                wanted -= adjoint[here + code] * lost
            distance = abs(membrane - theta)
            if cells.surrogate == TRIANGLE:
                stash[event - first] = wanted * (height - distance * fall)
            else:
                steep = slope * distance + one
                stash[event - first] = wanted * (height / (steep * steep))


@kernel
def _carry(
    width: Width,
    cells: Cells,
    tape: Tape,
    row: int,
    reached: Bools,
    live: Bools,
    samples: int,
    adjoint: Floats,
    stash: Floats,
) -> None:
    """lambda[t] = a lambda[t+1], zero after a hard reset, plus what came through the surrogate."""
    lanes = lanes_of(width)
    first = tape.active_at[row]
    negligible = spread(width, cells.constants[NEGLIGIBLE])
    for bank in range(live.size):
        here = bank * samples * lanes
        if live[bank]:
            leak = load(width, cells.leak, bank * lanes)
            if cells.hard:
                for event in range(tape.fired_at[row + bank], tape.fired_at[row + bank + 1]):
                    adjoint[here + np.int64(tape.fired[event])] = 0
            for sample in range(samples):
                place = here + sample * lanes
                store(adjoint, place, drop_below(multiply(load(width, adjoint, place), leak), negligible))
        if reached[bank]:
            for event in range(tape.active_at[row + bank], tape.active_at[row + bank + 1]):
                adjoint[here + np.int64(tape.active[event])] += stash[event - first]
                live[bank] = True


@kernel
def _blame_inputs(
    width: Width, graph: Graph, tape: Tape, t: int, samples: int, adjoint: Floats, gradient: Floats
) -> None:
    """Weight gradient of the inputs of a step."""
    lanes = lanes_of(width)
    units = adjoint.size // samples
    for event in range(tape.heard_at[t], tape.heard_at[t + 1]):
        code = np.int64(tape.heard[event])
        source, sample = units + code // BLOCK, code % BLOCK
        strength = spread(width, tape.strength[event])
        for segment in range(graph.start[source], graph.learning[source]):
            place, device = (graph.bank[segment] * samples + sample) * lanes, segment * lanes
            change = add_product(load(width, gradient, device), load(width, adjoint, place), strength)
            store(gradient, device, change)


@kernel
def _read(units: Ints, lanes: int, samples: int, v: Floats, into: Floats) -> None:
    for k in range(units.size):
        bank, lane = units[k] // lanes, units[k] % lanes
        for sample in range(samples):
            into[k, sample] = v[(bank * samples + sample) * lanes + lane]


@kernel
def _write(units: Ints, lanes: int, samples: int, gradient: Floats, adjoint: Floats, live: Bools) -> None:
    for k in range(units.size):
        bank, lane = units[k] // lanes, units[k] % lanes
        live[bank] = True
        for sample in range(samples):
            adjoint[(bank * samples + sample) * lanes + lane] += gradient[k, sample]


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
