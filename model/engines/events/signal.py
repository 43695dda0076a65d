"""Growth signals from events: the sums of ``model.growth.signal`` over spikes instead of over neurons and steps.

With z the events of a bank of wires, zbar their trace with leak a, and x what another bank wants or hears,

    sum_t x[t] zbar[t]^T = sum over events (p, t) of mu[t] e_p^T,   mu[t] = x[t] + a mu[t+1]

so that an event costs one addition for every bank within reach: of x[t] = delta[t+1] for M, of x[t] = zbar[t] for C.
A slow synapse is another such filter, and filters may change places.
Input channels stand in banks of their own, number -1 the first. Knows no torch and no tiles.
"""

from __future__ import annotations

import numpy as np

from smalti.model.engines.events.forward import CHANNELS, Floats, Tape
from smalti.model.engines.events.lanes import (
    Width,
    add,
    add_product,
    kernel,
    lanes_of,
    load,
    multiply,
    part,
    spread,
    store,
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
        into: flat [K, lanes of the source, lanes of the target], zero, changed.
    """
    lanes, k = lanes_of(width), 0
    while k < sources.size:
        if k == 0 or targets[k] != targets[k - 1]:
            if delta.size == 0:
                traces(width, tape, samples, leak, targets[k], room)
                if synapse > 0:
                    _filter(width, room, samples * lanes, synapse)
                _filter_backward(width, room, samples * lanes, leak, room)
            else:  # a spike that arrives at t meets the adjoint of t + 1
                first = targets[k] * room.size
                later = delta[first + samples * lanes : first + room.size]
                _filter_backward(width, later, samples * lanes, leak, room)
            if synapse > 0:
                _filter_backward(width, room, samples * lanes, synapse, room)
        end = k
        while end < sources.size and sources[end] < 0 and targets[end] == targets[k]:
            end += 1
        if end > k:
            _channels(width, tape, room, samples, sources[k:end], into, k)
        else:
            _neurons(width, tape, room, samples, sources[k], into, k)
        k = max(end, k + 1)


@kernel
def traces(width: Width, tape: Tape, samples: int, leak: float, bank: int, into: Floats) -> None:
    """Write the filtered events of a bank as they arrive, flat [T, samples, lanes]: zbar[t] = z[t] + a zbar[t-1]."""
    lanes, steps = lanes_of(width), tape.inputs_at.size - 1
    size, keep = samples * lanes, spread(width, into.dtype.type(leak))
    for place in range(size):
        into[place] = 0
    for t in range(steps):
        here = t * size
        for place in range(here, here + size if t > 0 else here, lanes):
            store(into, place, multiply(load(width, into, place - size), keep))
        if bank < 0:
            for event in range(tape.inputs_at[t], tape.inputs_at[t + 1]):
                code = np.int64(tape.inputs[event])
                lane = code % CHANNELS + (bank + 1) * lanes
                if 0 <= lane < lanes:
                    into[here + code // CHANNELS * lanes + lane] += tape.strength[event]
        elif t > 0:
            row = _row(tape, t - 1, bank)
            for event in range(tape.fired_at[row], tape.fired_at[row + 1]):
                into[here + np.int64(tape.fired[event])] += 1


@part
def _filter(width: Width, x: Array, size: int, leak: float) -> None:
    """x[t] = x[t] + a x[t-1], flat [T, size], in place."""
    keep, lanes = spread(width, x.dtype.type(leak)), lanes_of(width)
    for k in range(size, x.size, lanes):
        store(x, k, add_product(load(width, x, k), load(width, x, k - size), keep))


@part
def _filter_backward(width: Width, x: Array, size: int, leak: float, into: Floats) -> None:
    """mu[t] = x[t] + a mu[t+1], flat [T, size]; x is 0 where it ends before."""
    keep, lanes = spread(width, x.dtype.type(leak)), lanes_of(width)
    last = min(x.size, into.size - size)
    for k in range(last, into.size):
        into[k] = x[k] if k < x.size else 0
    for k in range(last - lanes, -1, -lanes):
        store(into, k, add_product(load(width, x, k), load(width, into, k + size), keep))


@part
def _neurons(width: Width, tape: Tape, rows: Floats, samples: int, bank: int, into: Floats, k: int) -> None:
    """For every spike of a bank add the row of the step and sample it arrives at to a lane's row of block k."""
    lanes, steps = lanes_of(width), tape.inputs_at.size - 1
    fired, fired_at = tape.fired, tape.fired_at
    for t in range(1, steps):
        row = _row(tape, t - 1, bank)
        for event in range(fired_at[row], fired_at[row + 1]):
            code = np.int64(fired[event])
            here, there = (t * samples + code // lanes) * lanes, (k * lanes + code % lanes) * lanes
            store(into, there, add(load(width, into, there), load(width, rows, here)))


@part
def _channels(width: Width, tape: Tape, rows: Floats, samples: int, banks: Ints, into: Floats, k: int) -> None:
    """The same for the events of banks of channels, each with its strength, and the blocks from k on."""
    lanes = lanes_of(width)
    inputs, strength, inputs_at = tape.inputs, tape.strength, tape.inputs_at
    size = 0
    for j in range(banks.size):
        size = max(size, -banks[j])
    first = np.empty(size, dtype=np.int64)  # row of a bank's first channel
    for j in range(size):
        first[j] = -1
    for j in range(banks.size):
        first[-1 - banks[j]] = (k + j) * lanes
    for t in range(inputs_at.size - 1):
        for event in range(inputs_at[t], inputs_at[t + 1]):
            code = np.int64(inputs[event])
            sample, channel = code // CHANNELS, code % CHANNELS
            if channel < first.size * lanes and first[channel // lanes] >= 0:
                here = (t * samples + sample) * lanes
                there = (first[channel // lanes] + channel % lanes) * lanes
                factor = spread(width, strength[event])
                store(into, there, add_product(load(width, into, there), load(width, rows, here), factor))


@part
def _row(tape: Tape, t: int, bank: int) -> int:
    """Where the spikes of a bank at a step begin and end, in ``tape.fired_at``."""
    return t * ((tape.fired_at.size - 1) // (tape.inputs_at.size - 1)) + bank
