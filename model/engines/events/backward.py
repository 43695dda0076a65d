"""Numba kernels of the event-driven engine: one block of samples backward through all of time.

Adjoints delta[t] = dL/dI[t], lambda[t] = dL/dV[t] and mu[t] = dL/dA[t] of a block are [banks, samples, lanes], as
membranes are in ``forward``; where no synapse is slow, delta is lambda and they are one array. The recursion is that of
``model.engines.dense``, visited only where something can come of it. Knows no torch.
"""

from __future__ import annotations

import numpy as np

from smalti.model.engines.events.forward import (
    BLOCK,
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
    kernel,
    lanes_of,
    load,
    multiply,
    part,
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
        stash: room for one.
        gradient: of the weights of all segments, flat, added to.
        banks_kept: banks whose adjoints are to be kept [D].
        delta: them at all steps, flat [D * T * samples * lanes], written.
    """
    lanes, steps = lanes_of(width), grad_outputs.shape[0]
    banks = cells.leak.size // lanes
    live, reached = np.zeros(banks, dtype=np.bool_), np.zeros(banks, dtype=np.bool_)
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
        _ask(width, graph, weight, tape, row, reached, samples, later, stash)
        for bank in range(banks):
            reached[bank] |= grad_counts.size > 0
            if reached[bank] and cells.adapts[bank]:
                raised, fresh = of_trace[(t + 1) % 2], of_trace[t % 2]
                _pass_surrogate(width, cells, tape, row, bank, samples, grad_counts, before, stash, raised)
                _recover(width, cells, tape, row, bank, samples, raised, fresh, stash)
            elif reached[bank]:
                _pass_surrogate(width, cells, tape, row, bank, samples, grad_counts, before, stash, None)
        _carry(width, cells, tape, row, reached, live, samples, before, own, stash)
        _write(graph.outputs, lanes, samples, grad_outputs[t], own, live)
        if slow:
            _pass_synapses(width, cells, live, samples, own, later, now)
        _blame_inputs(width, graph, tape, t, samples, now, gradient)
        if t % WINDOW == 0:
            _blame_spikes(width, graph, tape, t, min(t + WINDOW, steps - 1), reached, samples, adjoint, gradient)
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
    reached: Bools,
    samples: int,
    adjoint: Floats,
    gradient: Floats,
) -> None:
    """Weight gradient of the spikes of steps begin..end - 1: the adjoints of the neurons they reached one step later.

    Several steps at once, bank by bank, so that the gradient of a bank's links stays in the cache.
    """
    lanes = lanes_of(width)
    for bank in range(reached.size):
        if not reached[bank]:
            continue
        for t in range(end - 1, begin - 1, -1):
            later, row = adjoint[(t + 1) % (WINDOW + 1)], t * reached.size
            for event in range(tape.fired_at[row + bank], tape.fired_at[row + bank + 1]):
                code = np.int64(tape.fired[event])
                sample, unit = code // lanes, bank * lanes + code % lanes
                for segment in range(graph.start[unit], graph.learning[unit]):
                    place, device = (graph.bank[segment] * samples + sample) * lanes, segment * lanes
                    store(gradient, device, add(load(width, gradient, device), load(width, later, place)))


@part
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
        begin, end = tape.active_at[row + bank], tape.active_at[row + bank + 1]
        if not reached[bank]:
            for event in range(begin, end):
                stash[event - first] = 0
            continue
        for event in range(begin, end):
            code = np.int64(tape.active[event])
            sample, unit = code // lanes, bank * lanes + code % lanes
            grad_spike = zeros(width, weight)
            for segment in range(graph.start[unit], graph.start[unit + 1]):
                place = (graph.bank[segment] * samples + sample) * lanes
                grad_spike = add_product(grad_spike, load(width, weight, segment * lanes), load(width, adjoint, place))
            stash[event - first] = total(grad_spike)


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
    stash: Floats,
    of_trace: Floats | None,
) -> None:
    """Turn the gradient with respect to the spikes of a bank into that with respect to its membranes.

    Without ``of_trace``, mu[t+1], no threshold of the bank adapts; numba compiles either case by itself.
    """
    lanes, constants = lanes_of(width), cells.constants
    theta, height, one = constants[THETA], constants[HEIGHT], constants[ONE]
    fall, slope = height / constants[REACH], constants[SLOPE]
    first, here = tape.active_at[row], bank * samples * lanes
    for event in range(tape.active_at[row + bank], tape.active_at[row + bank + 1]):
        code = np.int64(tape.active[event])
        grad_spike = stash[event - first]
        if grad_counts.size:
            grad_spike += grad_counts[here + code]
        membrane = tape.membrane[event]
        if cells.reset_gradient:
            lost = membrane * cells.leak[bank * lanes + code % lanes] if cells.hard else theta
            grad_spike -= adjoint[here + code] * lost
        if of_trace is None:
            distance = abs(membrane - theta)
        else:
            distance = abs(membrane - tape.raised[event] - theta)
            grad_spike += of_trace[here + code]
        if cells.surrogate == TRIANGLE:
            stash[event - first] = grad_spike * (height - distance * fall)
        else:
            steep = slope * distance + one
            stash[event - first] = grad_spike * (height / (steep * steep))


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
    first, here = tape.active_at[row], bank * samples * lanes
    recovery, negligible = load(width, cells.recovery, bank * lanes), spread(width, cells.constants[NEGLIGIBLE])
    for place in range(here, here + samples * lanes, lanes):
        store(now, place, drop_below(multiply(load(width, later, place), recovery), negligible))
    for event in range(tape.active_at[row + bank], tape.active_at[row + bank + 1]):
        code = np.int64(tape.active[event])
        now[here + code] -= cells.strength[bank * lanes + code % lanes] * stash[event - first]


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
    reached: Bools,
    live: Bools,
    samples: int,
    later: Floats,
    now: Floats,
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
            for sample in range(samples):
                place = here + sample * lanes
                store(now, place, drop_below(multiply(load(width, later, place), leak), negligible))
            if cells.hard:
                for event in range(tape.fired_at[row + bank], tape.fired_at[row + bank + 1]):
                    now[here + np.int64(tape.fired[event])] = 0
        if reached[bank]:
            for event in range(tape.active_at[row + bank], tape.active_at[row + bank + 1]):
                now[here + np.int64(tape.active[event])] += stash[event - first]
                live[bank] = True


@part
def _blame_inputs(
    width: Width, graph: Graph, tape: Tape, t: int, samples: int, adjoint: Floats, gradient: Floats
) -> None:
    """Weight gradient of the inputs of a step."""
    lanes = lanes_of(width)
    units = adjoint.size // samples
    for event in range(tape.inputs_at[t], tape.inputs_at[t + 1]):
        code = np.int64(tape.inputs[event])
        source, sample = units + code // BLOCK, code % BLOCK
        strength = spread(width, tape.strength[event])
        for segment in range(graph.start[source], graph.learning[source]):
            place, device = (graph.bank[segment] * samples + sample) * lanes, segment * lanes
            change = add_product(load(width, gradient, device), load(width, adjoint, place), strength)
            store(gradient, device, change)


@part
def _write(units: Ints, lanes: int, samples: int, gradient: Floats, adjoint: Floats, live: Bools) -> None:
    for k in range(units.size):
        bank, lane = units[k] // lanes, units[k] % lanes
        live[bank] = True
        for sample in range(samples):
            adjoint[(bank * samples + sample) * lanes + lane] += gradient[k, sample]
