"""Growth signals from events: the sums of ``model.growth.signal`` over spikes instead of over neurons and steps.

With z the events of a bank of wires, zbar their trace with leak a, and x what another bank wants or hears,

    sum_t x[t] zbar[t]^T = sum over events (p, t) of mu[t] e_p^T,   mu[t] = x[t] + a mu[t+1]

so that an event costs one addition for every bank within reach: of x[t] = delta[t+1] for M, of x[t] = zbar[t] for C.
A slow synapse is another such filter, and filters may change places.
Input channels stand in banks of their own, number -1 the first. Knows no torch and no tiles.
"""

from __future__ import annotations

from smalti.model.engines.events.kernels.compiled import kernel, part
from smalti.model.engines.events.kernels.forward import CHANNELS, Floats, Tape
from smalti.model.engines.events.kernels.lanes import (
    Width,
    add,
    add_product,
    item,
    lanes_of,
    load,
    multiply,
    put,
    spread,
    store,
    zeros,
)
from smalti.model.engines.events.plan import Array, Ints


@kernel
def correlate(
    width: Width,
    tape: Tape,
    samples: int,
    leak: float,
    synapse: float,
    sources: Ints,
    targets: Ints,
    delta: Floats,
    room: Floats,
    rows: Ints,
    into: Floats,
) -> None:
    """Sum over time and samples of what targets want, or hear, times what sources send, for pairs of banks.

    Args:
        width: of the lanes of a bank.
        tape: of a block, all steps.
        samples: of the block.
        leak: of the traces, a.
        synapse: share of a synaptic current that is left, which filters before; 0 for none.
        sources: bank of each pair [K].
        targets: the other bank of each pair [K]: its place in ``delta``, or its number where their traces are summed;
            pairs of equal targets follow each other.
        delta: adjoints of whole banks, flat [D, T, samples, lanes]; empty for traces.
        room: flat [T, samples, lanes].
        rows: room for one number for each bank of channels.
        into: flat [K, lanes of the source, lanes of the target], zero, changed.
    """
    lanes, k = lanes_of(width), 0
    size = samples * lanes
    while k < sources.size:
        target = item(targets, k)
        if k == 0 or target != item(targets, k - 1):
            # A spike that arrives at t meets the adjoint of t + 1.
            values, first, count = delta, target * room.size + size, room.size - size
            if delta.size == 0:
                values, first, count = room, 0, room.size
                traces(width, tape, samples, leak, target, room)
                if synapse > 0:
                    _filter(width, room, size, synapse)
            for number in range(2 if synapse > 0 else 1):
                share = leak if number == 0 else synapse
                _filter_backward(width, values, first, count, size, share, room)
                values, first, count = room, 0, room.size
        end = k
        while end < sources.size and item(sources, end) < 0 and item(targets, end) == target:
            end += 1
        if end > k:
            _channels(width, tape, room, samples, sources, k, end, rows, into)
        else:
            _neurons(width, tape, room, samples, item(sources, k), into, k)
        k = max(end, k + 1)


@kernel
def traces(width: Width, tape: Tape, samples: int, leak: float, bank: int, into: Floats) -> None:
    """Write the filtered events of a bank as they arrive, flat [T, samples, lanes]: zbar[t] = z[t] + a zbar[t-1]."""
    lanes, steps = lanes_of(width), tape.inputs_at.size - 1
    size, keep = samples * lanes, spread(width, into.dtype.type(leak))
    for place in range(0, size, lanes):
        store(into, place, zeros(width, into))
    for t in range(steps):
        here = t * size
        for place in range(here, here + size if t > 0 else here, lanes):
            store(into, place, multiply(load(width, into, place - size), keep))
        if bank < 0:
            for event in range(item(tape.inputs_at, t), item(tape.inputs_at, t + 1)):
                code = item(tape.inputs, event)
                lane = code % CHANNELS + (bank + 1) * lanes
                place = here + code // CHANNELS * lanes + lane
                if 0 <= lane < lanes:
                    put(into, place, item(into, place) + item(tape.strength, event))
        elif t > 0:
            row = _row(tape, t - 1, bank)
            for event in range(item(tape.fired_at, row), item(tape.fired_at, row + 1)):
                place = here + item(tape.fired, event)
                put(into, place, item(into, place) + into.dtype.type(1))


@part
def _filter(width: Width, x: Array, size: int, leak: float) -> None:
    """x[t] = x[t] + a x[t-1], flat [T, size], in place."""
    keep, lanes = spread(width, x.dtype.type(leak)), lanes_of(width)
    for k in range(size, x.size, lanes):
        store(x, k, add_product(load(width, x, k), load(width, x, k - size), keep))


@part
def _filter_backward(width: Width, x: Array, first: int, count: int, size: int, leak: float, into: Floats) -> None:
    """mu[t] = x[t] + a mu[t+1], flat [T, size]; x begins at ``x[first]`` and is 0 where it ends before."""
    keep, lanes = spread(width, into.dtype.type(leak)), lanes_of(width)
    for k in range(into.size - lanes, -1, -lanes):
        value = load(width, x, first + k) if k < count else zeros(width, into)
        if k + size < into.size:
            value = add_product(value, load(width, into, k + size), keep)
        store(into, k, value)


@part
def _neurons(width: Width, tape: Tape, rows: Floats, samples: int, bank: int, into: Floats, k: int) -> None:
    """For every spike of a bank add the row of the step and sample it arrives at to a lane's row of block k."""
    lanes, steps = lanes_of(width), tape.inputs_at.size - 1
    for t in range(1, steps):
        row = _row(tape, t - 1, bank)
        for event in range(item(tape.fired_at, row), item(tape.fired_at, row + 1)):
            code = item(tape.fired, event)
            here, there = (t * samples + code // lanes) * lanes, (k * lanes + code % lanes) * lanes
            store(into, there, add(load(width, into, there), load(width, rows, here)))


@part
def _channels(
    width: Width, tape: Tape, values: Floats, samples: int, banks: Ints, begin: int, end: int, rows: Ints, into: Floats
) -> None:
    """The same for the events of some banks of channels, each with its strength, and the blocks of these numbers."""
    lanes, count = lanes_of(width), 0
    for k in range(begin, end):
        count = max(count, -item(banks, k))
    for bank in range(count):
        put(rows, bank, -1)
    for k in range(begin, end):
        put(rows, -1 - item(banks, k), k * lanes)
    for t in range(tape.inputs_at.size - 1):
        for event in range(item(tape.inputs_at, t), item(tape.inputs_at, t + 1)):
            code = item(tape.inputs, event)
            sample, channel = code // CHANNELS, code % CHANNELS
            row = item(rows, channel // lanes) if channel < count * lanes else -1
            if row >= 0:
                here, there = (t * samples + sample) * lanes, (row + channel % lanes) * lanes
                factor = spread(width, item(tape.strength, event))
                store(into, there, add_product(load(width, into, there), load(width, values, here), factor))


@part
def _row(tape: Tape, t: int, bank: int) -> int:
    """Where the spikes of a bank at a step begin and end, in ``tape.fired_at``."""
    return t * ((tape.fired_at.size - 1) // (tape.inputs_at.size - 1)) + bank
