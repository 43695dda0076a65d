"""Growth signals from events: the sums of ``model.growth.signal`` over spikes instead of over neurons and steps.

With z the events on P wires, zbar their trace with leak a, delta the adjoints of Q targets:

    M = sum_t delta[t+1] zbar[t]^T = sum over events (p, t) of mu[t] e_p^T,   mu[t] = delta[t+1] + a mu[t+1]
    C = sum_t zbar[t] zbar[t]^T = (F + F^T - a^2 zbar[T-1] zbar[T-1]^T) / (1 - a^2),
    F = sum over events (p, t) of e_p (a zbar[t-1] + z[t] / 2)^T

so that each event costs P + Q additions, a few vectors of lanes. Knows no torch and no tiles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.events_kernels import BLOCK, Tape
from model.events_lanes import Width, add_product, kernel, lanes_of, load, multiply, spread, store
from model.events_plan import Array, Ints


class Wires(NamedTuple):
    """Where the events of some wires are found."""

    place: NDArray[np.int32]  # [units + channels] number p of each source among the wires, -1 for others
    banks: Ints  # banks that hold any of them
    lanes: int  # of a bank
    size: int  # P


@kernel
def moment(
    width: Width,
    wires: Wires,
    tape: Tape,
    samples: int,
    leak: float,
    steps: int,
    delta: Array,
    banks: Ints,
    mu: Array,
    into: Array,
) -> None:
    """Add M of a block to ``into``.

    Args:
        width: of the lanes of a bank.
        wires: the P sources.
        tape: of the block, all steps.
        samples: of the block.
        leak: of a newborn's membrane, a.
        steps: T.
        delta: adjoints of whole banks, flat [D, T, samples, lanes].
        banks: which of the D banks hold the targets [G].
        mu: room for [samples, G * lanes], flat, zero.
        into: [P, G * lanes], flat, changed.
    """
    lanes, row, one = lanes_of(width), mu.size // samples, mu.dtype.type(1)
    keep = spread(width, mu.dtype.type(leak))
    for t in range(steps - 1, -1, -1):
        for k in range(banks.size if t + 1 < steps else 0):
            first = (banks[k] * steps + t + 1) * samples * lanes
            for sample in range(samples):
                place = sample * row + k * lanes
                later = load(width, delta, first + sample * lanes)
                store(mu, place, add_product(later, load(width, mu, place), keep))
        _add_rows(width, wires, tape, samples, steps, t, mu, row, one, into)


@kernel
def covariance(
    width: Width, wires: Wires, tape: Tape, samples: int, steps: int, leak: float, last: Array, into: Array
) -> None:
    """Add F of a block to ``into``, and leave zbar[T-1] in ``last``.

    Args:
        width: any; P is padded to its lanes.
        wires, tape, samples, steps, leak: as in ``moment``.
        last: [samples, padded P], flat, zero before.
        into: [P, padded P], flat, changed.
    """
    row, half, one = last.size // samples, last.dtype.type(0.5), last.dtype.type(1)
    for t in range(steps):
        _scale(width, last, last.dtype.type(leak))
        _add_events(wires, tape, samples, steps, t, half, row, 1, last)
        _add_rows(width, wires, tape, samples, steps, t, last, row, one, into)
        _add_events(wires, tape, samples, steps, t, half, row, 1, last)


@kernel
def spikes(wires: Wires, tape: Tape, samples: int, steps: int, into: Array) -> None:
    """Write the events as spikes that arrive, flat [T, P, samples], zero before."""
    size = wires.size * samples
    for t in range(steps):
        here = into[t * size : (t + 1) * size]
        _add_events(wires, tape, samples, steps, t, into.dtype.type(1), 1, samples, here)


@kernel
def _add_events(
    wires: Wires, tape: Tape, samples: int, steps: int, t: int, factor: float, by_sample: int, by_wire: int, into: Array
) -> None:
    """Add factor x value of every event (p, sample) of step t to ``into[sample * by_sample + p * by_wire]``."""
    units, banks = _sizes(wires, tape, steps)
    for k in range(wires.banks.size if t > 0 else 0):
        bank = wires.banks[k]
        row = (t - 1) * banks + bank
        for event in range(tape.fired_at[row], tape.fired_at[row + 1]):
            code = np.int64(tape.fired[event])
            p = np.int64(wires.place[bank * wires.lanes + code % wires.lanes])
            if p >= 0:
                into[code // wires.lanes * by_sample + p * by_wire] += factor
    for event in range(tape.heard_at[t], tape.heard_at[t + 1]):
        code = np.int64(tape.heard[event])
        p = np.int64(wires.place[units + code // BLOCK])
        if p >= 0:
            into[code % BLOCK * by_sample + p * by_wire] += factor * tape.strength[event]


@kernel
def _add_rows(
    width: Width,
    wires: Wires,
    tape: Tape,
    samples: int,
    steps: int,
    t: int,
    rows: Array,
    row: int,
    one: float,
    into: Array,
) -> None:
    """For every event (p, sample) of step t add its value times row ``sample`` of ``rows`` to row p of ``into``."""
    units, banks = _sizes(wires, tape, steps)
    for k in range(wires.banks.size if t > 0 else 0):
        bank = wires.banks[k]
        first = (t - 1) * banks + bank
        for event in range(tape.fired_at[first], tape.fired_at[first + 1]):
            code = np.int64(tape.fired[event])
            p = np.int64(wires.place[bank * wires.lanes + code % wires.lanes])
            if p >= 0:
                _add_row(width, rows, code // wires.lanes * row, one, into, p * row, row)
    for event in range(tape.heard_at[t], tape.heard_at[t + 1]):
        code = np.int64(tape.heard[event])
        p = np.int64(wires.place[units + code // BLOCK])
        if p >= 0:
            _add_row(width, rows, code % BLOCK * row, tape.strength[event], into, p * row, row)


@kernel
def _add_row(width: Width, rows: Array, here: int, factor: float, into: Array, there: int, size: int) -> None:
    lanes = spread(width, factor)
    for k in range(0, size, lanes_of(width)):
        store(into, there + k, add_product(load(width, into, there + k), load(width, rows, here + k), lanes))


@kernel
def _scale(width: Width, values: Array, factor: float) -> None:
    lanes = spread(width, factor)
    for k in range(0, values.size, lanes_of(width)):
        store(values, k, multiply(load(width, values, k), lanes))


@kernel
def _sizes(wires: Wires, tape: Tape, steps: int) -> tuple[int, int]:
    """Units, and banks in a step."""
    banks = (tape.fired_at.size - 1) // steps
    return banks * wires.lanes, banks
