"""Numba kernels of the event-driven engine: one block of samples backward through all of time.

Adjoints delta[t] = dL/dI[t], lambda[t] = dL/dV[t] and mu[t] = dL/dA[t] of a block are [banks, samples, lanes], as
membranes are in ``forward``; where no synapse is slow, delta is lambda and they are one array. The recursion is that of
``model.engines.dense``, visited only where something can come of it.

Most of the time goes to the dot products of link rows and adjoints (``_ask``), many of which come from the second
cache: so two neurons share what they load, and a bank is done with while its numbers are in the first. Knows no torch.
"""

from __future__ import annotations

import numpy as np

from smalti.model.engines.events.forward import (
    CHANNELS,
    HEIGHT,
    NEGLIGIBLE,
    ONE,
    REACH,
    SLOPE,
    THETA,
    TRIANGLE,
    Cells,
    Floats,
    Tape,
)
from smalti.model.engines.events.lanes import (
    Width,
    add,
    add_product,
    drop_below,
    item,
    kernel,
    lanes_of,
    load,
    multiply,
    part,
    put,
    spread,
    store,
    total,
    zeros,
)
from smalti.model.engines.events.plan import Bools, Graph, Ints

WINDOW = 4  # steps whose spikes are blamed together


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
    of_membrane: Floats,
    of_trace: Floats,
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
        adjoint: room for delta of the last steps, [WINDOW + 1, banks * samples * lanes], zero.
        of_membrane: room for lambda of the last steps, likewise, at least 2; ``adjoint`` itself if no synapse is slow.
        of_trace: room for mu of the last two, likewise; empty if no threshold adapts.
        stash: room for one bank, and one number more, [samples * lanes + 1].
        gradient: of the weights of all segments and a row of no meaning, flat, added to.
        banks_kept: banks whose adjoints are to be kept [D].
        delta: them at all steps, flat [D * T * samples * lanes], written.
    """
    lanes, steps = lanes_of(width), grad_outputs.shape[0]
    banks = cells.leak.size // lanes
    live, reached = np.zeros(banks, dtype=np.bool_), np.zeros(banks, dtype=np.bool_)
    places, counts = np.empty(lanes * WINDOW * samples, dtype=np.int64), np.empty(lanes, dtype=np.int64)
    slow = False
    for bank in range(banks):
        slow |= cells.slow[bank]
    for t in range(steps - 1, -1, -1):
        row, later, now = t * banks, adjoint[(t + 1) % (WINDOW + 1)], adjoint[t % (WINDOW + 1)]
        before, own = of_membrane[(t + 1) % len(of_membrane)], of_membrane[t % len(of_membrane)]
        for bank in range(banks):
            reached[bank] = cells.reset_gradient and live[bank]
            for k in range(graph.near_start[bank], graph.near_start[bank + 1]):
                reached[bank] |= live[graph.near[k]]
        for bank in range(banks):
            reached[bank] |= grad_counts.size > 0
            if reached[bank]:
                _ask(width, graph, weight, tape, row, bank, samples, later, stash)
                raised, fresh = of_trace[(t + 1) % 2], of_trace[t % 2]
                _pass_surrogate(width, cells, tape, row, bank, samples, grad_counts, before, raised, stash)
                if cells.adapts[bank]:
                    _recover(width, cells, tape, row, bank, samples, raised, fresh, stash)
            _carry(width, cells, tape, row, bank, reached[bank], live, samples, before, own, stash)
        _write(graph.outputs, lanes, samples, grad_outputs[t], own, live)
        if slow:
            _pass_synapses(width, cells, live, samples, own, later, now)
        _blame_inputs(width, graph, tape, t, samples, now, gradient)
        if t % WINDOW == 0:
            _blame_spikes(
                width, graph, tape, t, min(t + WINDOW, steps - 1), live, samples, adjoint, places, counts, gradient
            )
        for k in range(banks_kept.size):
            size = samples * lanes
            here, there = banks_kept[k] * size, (k * steps + t) * size
            for place in range(size):
                delta[there + place] = now[here + place]


@part
def _blame_spikes(
    width: Width,
    graph: Graph,
    tape: Tape,
    begin: int,
    end: int,
    live: Bools,
    samples: int,
    adjoint: Floats,
    places: Ints,
    counts: Ints,
    gradient: Floats,
) -> None:
    """Weight gradient of the spikes of steps begin..end - 1: the adjoints of the neurons they reached one step later.

    Several steps at once, and the spikes of a bank sorted by neuron (into ``places`` of adjoints), so that the gradient
    of a link stays in registers, and the adjoints of the bank that it drives in the cache.
    """
    lanes, banks = lanes_of(width), live.size
    room, size = WINDOW * samples, banks * samples * lanes
    for bank in range(banks):
        for lane in range(lanes):
            put(counts, lane, 0)
        for t in range(end - 1, begin - 1, -1):
            later = (t + 1) % (WINDOW + 1) * size
            for event in range(tape.fired_at[t * banks + bank], tape.fired_at[t * banks + bank + 1]):
                code = item(tape.fired, event)
                lane = code & (lanes - 1)
                count = item(counts, lane)
                put(places, lane * room + count, later + code - lane)
                put(counts, lane, count + 1)
        for k in range(graph.near_start[bank], graph.near_start[bank + 1]):
            here, rows = graph.near[k] * samples * lanes, graph.near_rows[k]
            for lane in range(lanes if live[graph.near[k]] else 0):
                first, last, device = lane * room, lane * room + item(counts, lane), item(graph.learns, rows + lane)
                if first < last and device >= 0:
                    blame = load(width, gradient, device)
                    for spike in range(first, last):
                        blame = add(blame, load(width, adjoint, here + item(places, spike)))
                    store(gradient, device, blame)


@part
def _ask(
    width: Width,
    graph: Graph,
    weight: Floats,
    tape: Tape,
    row: int,
    bank: int,
    samples: int,
    adjoint: Floats,
    stash: Floats,
) -> None:
    """What those behind would like each neuron of a bank inside the support to send; into ``stash``.

    Two neurons at a time, if they are of one sample: they share the adjoints of those behind. Else the second is a mere
    repetition of the first, which the next pair overwrites: that costs less than a branch.
    """
    lanes = lanes_of(width)
    first, event, end = tape.active_at[row + bank], tape.active_at[row + bank], tape.active_at[row + bank + 1]
    while event < end:
        one, other = item(tape.active, event), item(tape.active, event + 1)
        lane = one & (lanes - 1)
        both = one - lane == other - (other & (lanes - 1))
        other_lane = other & (lanes - 1) if both else lane
        grad, other_grad = zeros(width, weight), zeros(width, weight)
        for k in range(graph.near_start[bank], graph.near_start[bank + 1]):
            rows = item(graph.near_rows, k)
            wanted = load(width, adjoint, item(graph.near, k) * samples * lanes + one - lane)
            grad = add_product(grad, load(width, weight, item(graph.weights, rows + lane)), wanted)
            there = load(width, weight, item(graph.weights, rows + other_lane))
            other_grad = add_product(other_grad, there, wanted)
        put(stash, event - first, total(grad))
        put(stash, event - first + 1, total(other_grad))
        event += 2 if both else 1


@part
def _pass_surrogate(
    width: Width,
    cells: Cells,
    tape: Tape,
    row: int,
    bank: int,
    samples: int,
    grad_counts: Floats,
    adjoint: Floats,
    of_trace: Floats,
    stash: Floats,
) -> None:
    """Turn the gradient with respect to the spikes of a bank into that with respect to its membranes.

    ``of_trace``, mu[t+1], is read if thresholds of the bank adapt.
    """
    lanes, constants = lanes_of(width), cells.constants
    theta, height, one = constants[THETA], constants[HEIGHT], constants[ONE]
    fall, slope = height / constants[REACH], constants[SLOPE]
    first, here = tape.active_at[row + bank], bank * samples * lanes
    count = tape.active_at[row + bank + 1] - first
    if grad_counts.size:
        for event in range(count):
            wanted = item(grad_counts, here + item(tape.active, first + event))
            put(stash, event, item(stash, event) + wanted)
    if cells.reset_gradient:
        for event in range(count):
            code, lost = item(tape.active, first + event), theta
            if cells.hard:
                membrane = tape.potential[first + event]
                if cells.adapts[bank]:
                    membrane += tape.raised[first + event]
                lost = membrane * cells.leak[bank * lanes + code % lanes]
            put(stash, event, item(stash, event) - item(adjoint, here + code) * lost)
    if cells.adapts[bank]:
        for event in range(count):
            put(stash, event, item(stash, event) + item(of_trace, here + item(tape.active, first + event)))
    for event in range(count):
        distance = abs(item(tape.potential, first + event) - theta)
        if cells.surrogate == TRIANGLE:
            passed = height - distance * fall
        else:
            steep = slope * distance + one
            passed = height / (steep * steep)
        put(stash, event, item(stash, event) * passed)


@part
def _recover(
    width: Width,
    cells: Cells,
    tape: Tape,
    row: int,
    bank: int,
    samples: int,
    later: Floats,
    now: Floats,
    stash: Floats,
) -> None:
    """mu[t] = r mu[t+1] - b times what came through the surrogate, of a bank."""
    lanes = lanes_of(width)
    first, here = tape.active_at[row + bank], bank * samples * lanes
    recovery, negligible = load(width, cells.recovery, bank * lanes), spread(width, cells.constants[NEGLIGIBLE])
    for place in range(here, here + samples * lanes, lanes):
        store(now, place, drop_below(multiply(load(width, later, place), recovery), negligible))
    for event in range(tape.active_at[row + bank], tape.active_at[row + bank + 1]):
        code = item(tape.active, event)
        fall = item(cells.strength, bank * lanes + code % lanes)
        put(now, here + code, item(now, here + code) - fall * item(stash, event - first))


@part
def _pass_synapses(
    width: Width, cells: Cells, live: Bools, samples: int, of_membrane: Floats, later: Floats, now: Floats
) -> None:
    """delta[t] = lambda[t] + k delta[t+1]."""
    lanes = lanes_of(width)
    negligible = spread(width, cells.constants[NEGLIGIBLE])
    for bank in range(live.size):
        if not live[bank]:
            continue
        here, synapse = bank * samples * lanes, load(width, cells.synapse, bank * lanes)
        for place in range(here, here + samples * lanes, lanes):
            wanted = add_product(load(width, of_membrane, place), load(width, later, place), synapse)
            store(now, place, drop_below(wanted, negligible))


@part
def _carry(
    width: Width,
    cells: Cells,
    tape: Tape,
    row: int,
    bank: int,
    reached: bool,
    live: Bools,
    samples: int,
    later: Floats,
    now: Floats,
    stash: Floats,
) -> None:
    """lambda[t] = a lambda[t+1], zero after a hard reset, plus what came through the surrogate, of a bank."""
    lanes = lanes_of(width)
    first, here = tape.active_at[row + bank], bank * samples * lanes
    leak, negligible = load(width, cells.leak, bank * lanes), spread(width, cells.constants[NEGLIGIBLE])
    if live[bank]:
        for place in range(here, here + samples * lanes, lanes):
            store(now, place, drop_below(multiply(load(width, later, place), leak), negligible))
        if cells.hard:
            for event in range(tape.fired_at[row + bank], tape.fired_at[row + bank + 1]):
                now[here + np.int64(tape.fired[event])] = 0
    if reached:
        for event in range(first, tape.active_at[row + bank + 1]):
            place = here + item(tape.active, event)
            put(now, place, item(now, place) + item(stash, event - first))
        live[bank] |= first < tape.active_at[row + bank + 1]


@part
def _blame_inputs(
    width: Width, graph: Graph, tape: Tape, t: int, samples: int, adjoint: Floats, gradient: Floats
) -> None:
    """Weight gradient of the inputs of a step."""
    lanes = lanes_of(width)
    units = adjoint.size // samples
    for event in range(tape.inputs_at[t], tape.inputs_at[t + 1]):
        code = item(tape.inputs, event)
        source, sample = units + code % CHANNELS, code // CHANNELS
        strength = spread(width, item(tape.strength, event))
        for segment in range(item(graph.start, source), item(graph.learning, source)):
            place, device = (item(graph.bank, segment) * samples + sample) * lanes, segment * lanes
            change = add_product(load(width, gradient, device), load(width, adjoint, place), strength)
            store(gradient, device, change)


@part
def _write(units: Ints, lanes: int, samples: int, gradient: Floats, adjoint: Floats, live: Bools) -> None:
    for k in range(units.size):
        bank, lane = units[k] // lanes, units[k] % lanes
        live[bank] = True
        for sample in range(samples):
            adjoint[(bank * samples + sample) * lanes + lane] += gradient[k, sample]
