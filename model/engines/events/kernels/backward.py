"""Numba kernels of the event-driven engine: one block of samples backward through all of time.

Adjoints delta[t] = dL/dI[t], lambda[t] = dL/dV[t] and mu[t] = dL/dA[t] of a block are [banks, samples, lanes], as
membranes are in ``forward``; where no synapse is slow, delta is lambda and they are one array. The recursion is that of
``model.engines.dense``, visited only where something can come of it.

Most of the time goes to the dot products of link rows and adjoints (``_ask``), many of which come from the second
cache: so two neurons share what they load, and a bank is done with while its numbers are in the first. Knows no torch.
"""

from __future__ import annotations

from smalti.model.engines.events.kernels.blame import WINDOW, Room, blame_inputs, blame_spikes
from smalti.model.engines.events.kernels.compiled import kernel, part
from smalti.model.engines.events.kernels.forward import (
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
from smalti.model.engines.events.kernels.lanes import (
    Width,
    add_product,
    drop_below,
    item,
    lanes_of,
    load,
    multiply,
    put,
    spread,
    store,
    total,
    zeros,
)
from smalti.model.engines.events.plan import Bools, Graph, Ints


@kernel
def backward(
    width: Width,
    graph: Graph,
    cells: Cells,
    slow: Bools | None,
    weight: Floats,
    tape: Tape,
    first: int,
    samples: int,
    grad_outputs: Floats,
    grad_counts: Floats,
    adjoint: Floats,
    of_membrane: Floats,
    of_trace: Floats | None,
    room: Room,
    gradient: Floats,
    banks_kept: Ints,
    delta: Floats,
) -> None:
    """Run a block backward.

    Adjoints spread from the outputs as spikes do from the inputs: where none has come yet, nothing is done.

    Args:
        width, graph, cells, slow, weight, first, samples: as in ``forward``.
        tape: that ``forward`` kept.
        grad_outputs: direct gradient of the output membranes in the batch [T, O, B].
        grad_counts: direct gradient of every spike of a slot in the batch, flat [N * B]; empty for zero.
        adjoint: room for delta of the last steps, flat [(WINDOW + 1) * banks * samples * lanes], zero.
        of_membrane: room for lambda of the last two, likewise; ``adjoint`` itself if no synapse is slow.
        of_trace: room for mu of the last two, likewise; None if no threshold adapts.
        room: for what is worked out in between.
        gradient: of the weights of all segments and a row of no meaning, flat, added to.
        banks_kept: banks whose adjoints are to be kept [D].
        delta: them at all steps, flat [D * T * samples * lanes], written.
    """
    lanes, steps, batch = lanes_of(width), grad_outputs.shape[0], grad_outputs.shape[2]
    live, reached, stash, banks = room.live, room.reached, room.stash, room.live.size
    size = banks * samples * lanes
    for bank in range(banks):
        put(live, bank, False)
    for t in range(steps - 1, -1, -1):
        row, then, now = t * banks, (t + 1) % (WINDOW + 1) * size, t % (WINDOW + 1) * size
        odd, even = (t + 1) % 2 * size, t % 2 * size  # where what is kept of two steps stands: that of t + 1, that of t
        later, own = then, now
        if slow is not None:
            later, own = odd, even
        for bank in range(banks):
            near = (cells.reset_gradient and item(live, bank)) or grad_counts.size > 0
            for k in range(item(graph.near_start, bank), item(graph.near_start, bank + 1)):
                near |= item(live, item(graph.near, k))
            put(reached, bank, near)
        for bank in range(banks):
            if item(reached, bank):
                _ask(width, graph, weight, tape, row, bank, samples, adjoint, then, stash)
                _add_direct(width, cells, tape, row, bank, first, batch, grad_counts, stash)
                _pass_surrogate(width, cells, tape, row, bank, samples, of_membrane, later, of_trace, odd, stash)
                if of_trace is not None and item(cells.adapts, bank):
                    _recover(width, cells, tape, row, bank, samples, of_trace, odd, even, stash)
            _carry(width, cells, tape, row, bank, samples, of_membrane, later, own, room)
        there = t * graph.outputs.size * batch + first
        _write(graph.outputs, lanes, samples, grad_outputs, there, batch, of_membrane, own, live)
        if slow is not None:
            _pass_synapses(width, cells, live, samples, of_membrane, own, adjoint, then, now)
        blame_inputs(width, graph, tape, t, samples, cells.leak.size, adjoint, now, gradient)
        if t % WINDOW == 0:
            blame_spikes(width, graph, tape, t, min(t + WINDOW, steps - 1), samples, adjoint, room, gradient)
        for k in range(banks_kept.size):
            here, into = now + item(banks_kept, k) * samples * lanes, (k * steps + t) * samples * lanes
            for place in range(0, samples * lanes, lanes):
                store(delta, into + place, load(width, adjoint, here + place))


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
    later: int,
    stash: Floats,
) -> None:
    """What those behind would like each neuron of a bank inside the support to send; into ``stash``.

    Two neurons at a time, if they are of one sample: they share the adjoints of those behind. Else the second is a mere
    repetition of the first, which the next pair overwrites: that costs less than a branch.
    """
    lanes, first, end = lanes_of(width), item(tape.active_at, row + bank), item(tape.active_at, row + bank + 1)
    event = first
    while event < end:
        one, other = item(tape.active, event), item(tape.active, event + 1)
        lane = one & (lanes - 1)
        both = one - lane == other - (other & (lanes - 1))
        other_lane = other & (lanes - 1) if both else lane
        grad, other_grad = zeros(width, weight), zeros(width, weight)
        for k in range(item(graph.near_start, bank), item(graph.near_start, bank + 1)):
            rows = item(graph.near_rows, k)
            wanted = load(width, adjoint, later + item(graph.near, k) * samples * lanes + one - lane)
            grad = add_product(grad, load(width, weight, item(graph.weights, rows + lane)), wanted)
            there = load(width, weight, item(graph.weights, rows + other_lane))
            other_grad = add_product(other_grad, there, wanted)
        put(stash, event - first, total(grad))
        put(stash, event - first + 1, total(other_grad))
        event += 2 if both else 1


@part
def _add_direct(
    width: Width,
    cells: Cells,
    tape: Tape,
    row: int,
    bank: int,
    first: int,
    batch: int,
    grad_counts: Floats,
    stash: Floats,
) -> None:
    """Add the direct gradient of the spikes of a bank to what those behind would like."""
    lanes, begin = lanes_of(width), item(tape.active_at, row + bank)
    for event in range(begin, item(tape.active_at, row + bank + 1) if grad_counts.size else begin):
        code = item(tape.active, event)
        place = item(cells.slot, bank * lanes + (code & (lanes - 1))) * batch + first + code // lanes
        put(stash, event - begin, item(stash, event - begin) + item(grad_counts, place))


@part
def _pass_surrogate(
    width: Width,
    cells: Cells,
    tape: Tape,
    row: int,
    bank: int,
    samples: int,
    of_membrane: Floats,
    later: int,
    of_trace: Floats | None,
    odd: int,
    stash: Floats,
) -> None:
    """Turn the gradient with respect to the spikes of a bank into that with respect to its membranes."""
    lanes, theta, one = lanes_of(width), item(cells.constants, THETA), item(cells.constants, ONE)
    height, slope = item(cells.constants, HEIGHT), item(cells.constants, SLOPE)
    fall = height / item(cells.constants, REACH)
    first, here = item(tape.active_at, row + bank), bank * samples * lanes
    count = item(tape.active_at, row + bank + 1) - first
    if cells.reset_gradient:
        for event in range(count):
            code, lost = item(tape.active, first + event), theta
            if cells.hard:
                membrane = item(tape.potential, first + event)
                if of_trace is not None and item(cells.adapts, bank):
                    membrane += item(tape.raised, first + event)
                lost = membrane * item(cells.leak, bank * lanes + code % lanes)
            put(stash, event, item(stash, event) - item(of_membrane, later + here + code) * lost)
    if of_trace is not None and item(cells.adapts, bank):
        for event in range(count):
            of_past = item(of_trace, odd + here + item(tape.active, first + event))
            put(stash, event, item(stash, event) + of_past)
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
    of_trace: Floats,
    later: int,
    now: int,
    stash: Floats,
) -> None:
    """mu[t] = r mu[t+1] - b times what came through the surrogate, of a bank."""
    lanes, first = lanes_of(width), item(tape.active_at, row + bank)
    recovery = load(width, cells.recovery, bank * lanes)
    negligible = spread(width, item(cells.constants, NEGLIGIBLE))
    here = bank * samples * lanes
    for place in range(here, here + samples * lanes, lanes):
        kept = multiply(load(width, of_trace, later + place), recovery)
        store(of_trace, now + place, drop_below(kept, negligible))
    for event in range(first, item(tape.active_at, row + bank + 1)):
        code = item(tape.active, event)
        fall, place = item(cells.strength, bank * lanes + code % lanes), now + here + code
        put(of_trace, place, item(of_trace, place) - fall * item(stash, event - first))


@part
def _pass_synapses(
    width: Width,
    cells: Cells,
    live: Bools,
    samples: int,
    of_membrane: Floats,
    own: int,
    adjoint: Floats,
    later: int,
    now: int,
) -> None:
    """delta[t] = lambda[t] + k delta[t+1]."""
    lanes = lanes_of(width)
    negligible = spread(width, item(cells.constants, NEGLIGIBLE))
    for bank in range(live.size):
        here, synapse = bank * samples * lanes, load(width, cells.synapse, bank * lanes)
        for place in range(here, here + samples * lanes if item(live, bank) else here, lanes):
            wanted = add_product(load(width, of_membrane, own + place), load(width, adjoint, later + place), synapse)
            store(adjoint, now + place, drop_below(wanted, negligible))


@part
def _carry(
    width: Width,
    cells: Cells,
    tape: Tape,
    row: int,
    bank: int,
    samples: int,
    of_membrane: Floats,
    later: int,
    now: int,
    room: Room,
) -> None:
    """lambda[t] = a lambda[t+1], zero after a hard reset, plus what came through the surrogate, of a bank."""
    lanes = lanes_of(width)
    here = bank * samples * lanes
    leak, negligible = load(width, cells.leak, bank * lanes), spread(width, item(cells.constants, NEGLIGIBLE))
    if item(room.live, bank):
        for place in range(here, here + samples * lanes, lanes):
            kept = multiply(load(width, of_membrane, later + place), leak)
            store(of_membrane, now + place, drop_below(kept, negligible))
        if cells.hard:
            for event in range(item(tape.fired_at, row + bank), item(tape.fired_at, row + bank + 1)):
                put(of_membrane, now + here + item(tape.fired, event), of_membrane.dtype.type(0))
    if item(room.reached, bank):
        first, end = item(tape.active_at, row + bank), item(tape.active_at, row + bank + 1)
        for event in range(first, end):
            place = now + here + item(tape.active, event)
            put(of_membrane, place, item(of_membrane, place) + item(room.stash, event - first))
        if first < end:
            put(room.live, bank, True)


@part
def _write(
    units: Ints,
    lanes: int,
    samples: int,
    gradient: Floats,
    there: int,
    batch: int,
    of_membrane: Floats,
    now: int,
    live: Bools,
) -> None:
    """Add the direct gradient of output membranes, one row of a batch each from ``gradient[there]`` on."""
    for k in range(units.size):
        unit = item(units, k)
        here = now + unit // lanes * samples * lanes + (unit & (lanes - 1))
        put(live, unit // lanes, True)
        for sample in range(samples):
            place = here + sample * lanes
            put(of_membrane, place, item(of_membrane, place) + item(gradient, there + k * batch + sample))
