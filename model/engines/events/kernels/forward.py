"""Numba kernels of the event-driven engine: one block of samples forward through all of time.

Neurons that run stand in *banks* of lanes (a tile is one bank, or several where more than 32 of its neurons run); a
*segment* is the row of one link in one bank, a *bundle* all segments from one bank to another. Membranes and adjoints
of a block are [banks, samples, lanes], so that whatever a segment touches lies in one piece. Banks with slow synapses
have currents beside their membranes, and their segments enter there; banks with adapting thresholds have traces of
their spikes. Events of a step are sorted by bank, sample, lane; an event is coded as sample * lanes + lane.

What takes the time is bytes that come from beyond the first cache, branches that are mispredicted, and instructions
beside the sums, in that order. So spikes arrive bundle by bundle (its rows and the membranes that it drives are 4 kB
each), events are listed without branches, and indices are plain. Every sum has one order, whatever the threads: that of
its sources, by bank and lane, then the inputs. Knows no torch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smalti.model.engines.events.kernels.compiled import kernel, part
from smalti.model.engines.events.kernels.lanes import (
    BYTE,
    Width,
    add,
    bits_at_least,
    bits_of,
    bits_within,
    item,
    lanes_of,
    load,
    multiply,
    note,
    prefetch,
    put,
    spread,
    store,
    subtract_product,
    where_at_least,
    width_of,
    zeros,
)
from smalti.model.engines.events.plan import Array, Bools, Graph, Ints

THETA, REACH, HEIGHT, SLOPE, NEGLIGIBLE, ZERO, ONE = range(7)  # places in Cells.constants
TRIANGLE, FAST_SIGMOID = 0, 1
BLOCK = 32  # most samples of a block
ONE_BYTE = width_of(BYTE)
LINE = 64  # bytes of a cache line
CHANNELS = 2**32 // BLOCK  # more than there can be

Floats = Array  # of the network's precision


class Cells(NamedTuple):
    """What the neurons are like."""

    leak: Floats  # [units] share of the membrane that is kept in a step
    threshold: Floats  # [units] infinite for those that never fire
    support: Floats  # [units] half-width of the surrogate's support; 0 where no adjoint is wanted
    synapse: Floats  # [units] share of the synaptic current that is kept; 0 for no slow synapse
    strength: Floats  # [units] rise of the threshold by a spike; 0 where it does not adapt
    recovery: Floats  # [units] share of that rise that is kept
    adapts: Bools  # [banks] with adapting thresholds
    slot: Ints  # [units] slot of each, -1 for a lane without neuron
    entry: NDArray[np.int32]  # [segments] where it arrives: a bank's membranes, or banks + that for its currents
    constants: Floats  # [7] theta, half-width, height, slope of the surrogate, what counts as zero, 0, 1
    surrogate: int  # TRIANGLE or FAST_SIGMOID
    hard: bool  # a spike sets the membrane to zero instead of subtracting theta
    reset_gradient: bool


class Tape(NamedTuple):
    """What happened in a block."""

    inputs: NDArray[np.uint32]  # input events: sample * CHANNELS + channel
    strength: Floats  # and their values
    inputs_at: Ints  # [T + 1] where each step begins
    fired: NDArray[np.uint16]  # spikes, as codes
    fired_at: Ints  # [T * banks + 1] where each bank of each step begins
    active: NDArray[np.uint16]  # membranes inside the support, as codes
    potential: Floats  # and their values, less what their thresholds were raised by
    raised: Floats  # that; only of banks with adapting thresholds
    active_at: Ints  # [T * banks + 1]


@kernel
def forward(
    width: Width,
    graph: Graph,
    cells: Cells,
    slow: Bools | None,
    weight: Floats,
    x: Array,
    first: int,
    samples: int,
    tape: Tape,
    keep: bool,
    v: Floats,
    trace: Floats | None,
    awake: Bools,
    counts: Floats,
    outputs: Floats,
) -> None:
    """Run a block from rest.

    Args:
        width: lanes of a bank.
        graph, cells: the network.
        slow: [banks] with slow synapses; None for none.
        weight: of all segments, and a row of zeros, flat [(segments + 1) * lanes].
        x: input spikes of the batch, flat [B * T * I].
        first: place of the block's first sample in the batch.
        samples: of the block.
        tape: written; without ``keep`` it has room for one step, and only the last is left.
        keep: keep what the backward pass needs.
        v: membranes, flat [banks * samples * lanes], zero; then as many synaptic currents, if some synapse is slow.
        trace: of the spikes of every unit, [banks * samples * lanes], zero; None if no threshold adapts.
        awake: room for [banks].
        counts: spikes of every slot in the batch, flat [N * B], zero, changed for the block.
        outputs: membranes of the output units in the batch [T, O, B], written for the block.
    """
    lanes, steps, batch = lanes_of(width), outputs.shape[0], outputs.shape[2]
    units, banks, one = cells.leak.size, awake.size, item(cells.constants, ONE)
    # Banks that something has reached; all others are at rest, which only matters where rest is inside the support.
    for bank in range(banks):
        put(awake, bank, keep and item(cells.constants, REACH) > item(cells.constants, THETA))
    inputs = fired = active = 0
    for t in range(steps):
        row = t * banks if keep else 0
        if not keep:
            inputs = fired = 0
        put(tape.inputs_at, t if keep else 0, inputs)
        here = (first * steps + t) * (graph.learning.size - units)
        inputs = listen(width, graph, cells.entry, weight, x, here, steps, units, samples, tape, inputs, v, awake)
        if slow is not None:
            for bank in range(banks):
                if item(awake, bank) and item(slow, bank):
                    _pass_synapses(width, cells, bank, banks + bank, samples, v)
        _read(graph.outputs, lanes, samples, v, outputs, t * graph.outputs.size * batch + first, batch)
        for bank in range(banks):
            before = fired
            put(tape.fired_at, row + bank, fired)
            put(tape.active_at, row + bank, active)
            if item(awake, bank):
                fired, active = fire(width, cells, bank, samples, tape, keep, fired, active, v, trace)
                _reset(width, cells, bank, samples, v, trace)
            for event in range(before, fired):
                code = item(tape.fired, event)
                place = item(cells.slot, bank * lanes + (code & (lanes - 1))) * batch + first + code // lanes
                put(counts, place, item(counts, place) + one)
        put(tape.fired_at, row + banks, fired)
        put(tape.active_at, row + banks, active)
        if t + 1 < steps:
            receive(width, graph, slow, weight, row, samples, tape, v, awake)
    put(tape.inputs_at, steps if keep else 1, inputs)


@part
def listen(
    width: Width,
    graph: Graph,
    entry: NDArray[np.int32],
    weight: Floats,
    x: Array,
    here: int,
    steps: int,
    units: int,
    samples: int,
    tape: Tape,
    inputs: int,
    v: Floats,
    awake: Bools,
) -> int:
    """Add the inputs of a step, from ``x[here]`` on, to where they arrive; returns the number of input events so far.

    The inputs of a sample lie far from those of the next, so those of its next step are fetched ahead.
    """
    lanes, channels, event = lanes_of(width), graph.learning.size - units, inputs
    whole = channels - channels % BYTE
    for sample in range(samples):
        code = sample * CHANNELS
        for channel in range(0, whole, BYTE):
            inputs = note(ONE_BYTE, tape.inputs, inputs, bits_of(x, here + channel), code + channel)
        for channel in range(0, channels, LINE // x.itemsize):
            prefetch(x, here + channels + channel)
        for channel in range(whole, channels):  # written in any case, counted if it is an event
            put(tape.inputs, inputs, np.uint32(code + channel))
            inputs += item(x, here + channel) != 0
        while event < inputs:
            source = item(tape.inputs, event) - code
            strength = weight.dtype.type(item(x, here + source))
            put(tape.strength, event, strength)
            gains = spread(width, strength)
            for segment in range(item(graph.start, units + source), item(graph.start, units + source + 1)):
                put(awake, item(graph.bank, segment), True)
                place = (item(entry, segment) * samples + sample) * lanes
                store(v, place, add(load(width, v, place), multiply(load(width, weight, segment * lanes), gains)))
            event += 1
        here += steps * channels
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
    trace: Floats | None,
) -> tuple[int, int]:
    """Find the spikes of a bank and the membranes inside the support. Returns how many so far."""
    lanes, first = lanes_of(width), active
    threshold, support = load(width, cells.threshold, bank * lanes), load(width, cells.support, bank * lanes)
    fall, here = load(width, cells.strength, bank * lanes), bank * samples * lanes
    for sample in range(samples):
        place = here + sample * lanes
        potential = load(width, v, place)
        if trace is not None and item(cells.adapts, bank):
            potential = subtract_product(potential, fall, load(width, trace, place))
        if keep:
            active = note(width, tape.active, active, bits_within(potential, threshold, support), sample * lanes)
        fired = note(width, tape.fired, fired, bits_at_least(potential, threshold), sample * lanes)
    for event in range(first, active):
        code = item(tape.active, event)
        found = item(v, here + code)
        if trace is not None and item(cells.adapts, bank):
            raised = item(cells.strength, bank * lanes + code % lanes) * item(trace, here + code)
            put(tape.raised, event, raised)
            found -= raised
        put(tape.potential, event, found)
    return fired, active


@part
def _reset(width: Width, cells: Cells, bank: int, samples: int, v: Floats, trace: Floats | None) -> None:
    """Let the membranes of a bank leak and reset those that fired; likewise the traces of their spikes."""
    lanes = lanes_of(width)
    leak, threshold = load(width, cells.leak, bank * lanes), load(width, cells.threshold, bank * lanes)
    fall, recovery = load(width, cells.strength, bank * lanes), load(width, cells.recovery, bank * lanes)
    nothing, theta = zeros(width, v), spread(width, -item(cells.constants, THETA))
    one, here = spread(width, item(cells.constants, ONE)), bank * samples * lanes
    for place in range(here, here + samples * lanes, lanes):
        membrane = load(width, v, place)
        potential = membrane
        if trace is not None and item(cells.adapts, bank):
            past = load(width, trace, place)
            potential = subtract_product(membrane, fall, past)
            kept = multiply(past, recovery)
            store(trace, place, where_at_least(potential, threshold, add(kept, one), kept))
        leaked = multiply(membrane, leak)
        reset = nothing if cells.hard else add(leaked, theta)
        store(v, place, where_at_least(potential, threshold, reset, leaked))


@part
def receive(
    width: Width,
    graph: Graph,
    slow: Bools | None,
    weight: Floats,
    row: int,
    samples: int,
    tape: Tape,
    v: Floats,
    awake: Bools,
) -> None:
    """Add the link rows of the neurons that fired to where they arrive.

    Bundle by bundle, so that the rows and what they are added to stay in the cache.
    """
    lanes, banks = lanes_of(width), awake.size
    for bank in range(banks):
        here = bank * samples * lanes
        if slow is not None and item(slow, bank):
            here += banks * samples * lanes
        for bundle in range(item(graph.heard_start, bank), item(graph.heard_start, bank + 1)):
            source, rows = row + item(graph.heard, bundle), bundle * lanes
            begin, end = item(tape.fired_at, source), item(tape.fired_at, source + 1)
            if begin < end:
                put(awake, bank, True)
            for event in range(begin, end):
                code = item(tape.fired, event)
                lane = code & (lanes - 1)
                place = here + code - lane
                gain = load(width, weight, item(graph.weights, rows + lane))
                store(v, place, add(load(width, v, place), gain))


@part
def _read(units: Ints, lanes: int, samples: int, v: Floats, into: Floats, there: int, batch: int) -> None:
    """Write the membranes of some units, one row of a batch each, from ``into[there]`` on."""
    for k in range(units.size):
        unit = item(units, k)
        here = unit // lanes * samples * lanes + (unit & (lanes - 1))
        for sample in range(samples):
            put(into, there + k * batch + sample, item(v, here + sample * lanes))
