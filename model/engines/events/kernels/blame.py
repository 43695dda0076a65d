"""Parts of the backward kernel: what the weights of a block are to blame for, from the adjoints of its neurons."""

from __future__ import annotations

from typing import NamedTuple

from smalti.model.engines.events.kernels.compiled import part
from smalti.model.engines.events.kernels.forward import CHANNELS, Floats, Tape
from smalti.model.engines.events.kernels.lanes import Width, add, add_product, item, lanes_of, load, put, spread, store
from smalti.model.engines.events.plan import Bools, Graph, Ints

WINDOW = 4  # steps whose spikes are blamed together


class Room(NamedTuple):
    """Where a block is worked out."""

    stash: Floats  # gradients of the active membranes of a bank, and one number more [samples * lanes + 1]
    live: Bools  # [banks] whether something has come to a bank
    reached: Bools  # [banks] whether something comes to it now
    places: Ints  # [lanes * WINDOW * samples] of the adjoints that spikes have reached, by neuron
    spikes: Ints  # [lanes] how many of them there are


@part
def blame_spikes(
    width: Width,
    graph: Graph,
    tape: Tape,
    begin: int,
    end: int,
    samples: int,
    adjoint: Floats,
    room: Room,
    gradient: Floats,
) -> None:
    """Weight gradient of the spikes of steps begin..end - 1: the adjoints of the neurons they reached one step later.

    Several steps at once, and the spikes of a bank sorted by neuron (into ``places`` of adjoints), so that the gradient
    of a link stays in registers, and the adjoints of the bank that it drives in the cache.
    """
    lanes, banks = lanes_of(width), room.live.size
    longest, size = WINDOW * samples, banks * samples * lanes
    for bank in range(banks):
        for lane in range(lanes):
            put(room.spikes, lane, 0)
        for t in range(end - 1, begin - 1, -1):
            later = (t + 1) % (WINDOW + 1) * size
            for event in range(item(tape.fired_at, t * banks + bank), item(tape.fired_at, t * banks + bank + 1)):
                code = item(tape.fired, event)
                lane = code & (lanes - 1)
                count = item(room.spikes, lane)
                put(room.places, lane * longest + count, later + code - lane)
                put(room.spikes, lane, count + 1)
        for k in range(item(graph.near_start, bank), item(graph.near_start, bank + 1)):
            near, rows = item(graph.near, k), item(graph.near_rows, k)
            here = near * samples * lanes
            for lane in range(lanes if item(room.live, near) else 0):
                first, device = lane * longest, item(graph.learns, rows + lane)
                last = first + item(room.spikes, lane)
                if first < last and device >= 0:
                    blame = load(width, gradient, device)
                    for spike in range(first, last):
                        blame = add(blame, load(width, adjoint, here + item(room.places, spike)))
                    store(gradient, device, blame)


@part
def blame_inputs(
    width: Width,
    graph: Graph,
    tape: Tape,
    t: int,
    samples: int,
    units: int,
    adjoint: Floats,
    now: int,
    gradient: Floats,
) -> None:
    """Weight gradient of the inputs of a step."""
    lanes = lanes_of(width)
    for event in range(item(tape.inputs_at, t), item(tape.inputs_at, t + 1)):
        code = item(tape.inputs, event)
        source, sample = units + code % CHANNELS, code // CHANNELS
        strength = spread(width, item(tape.strength, event))
        for segment in range(item(graph.start, source), item(graph.learning, source)):
            place, device = now + (item(graph.bank, segment) * samples + sample) * lanes, segment * lanes
            change = add_product(load(width, gradient, device), load(width, adjoint, place), strength)
            store(gradient, device, change)
