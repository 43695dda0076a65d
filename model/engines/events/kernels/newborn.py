"""Numba kernel of the event-driven engine: newborns that are not on the chip yet, at many scales of their input.

The steps are those of ``model.neuron.step``, in the same order: the same bits. A newborn's state in some samples, as
many as there are lanes, stays in registers all the time.
"""

from __future__ import annotations

from smalti.model.engines.events.kernels.compiled import kernel
from smalti.model.engines.events.kernels.forward import Floats
from smalti.model.engines.events.kernels.lanes import (
    Width,
    add,
    item,
    lanes_of,
    load,
    multiply,
    spread,
    store,
    subtract_product,
    where_at_least,
    width_of,
    zeros,
)

__all__ = ["fire", "width_of"]


@kernel
def fire(
    width: Width, current: Floats, scale: Floats, constants: Floats, hard: bool, batch: int, spikes: Floats
) -> None:
    """Spikes of neurons from rest.

    Args:
        width: samples at once.
        current: input, flat [T * C * B].
        scale: factors of it, to be tried at once [C, G].
        constants: leak, threshold, theta, synapse, strength and recovery, 0 where there is none, and 1.
        hard: a spike sets the membrane to zero instead of subtracting theta.
        batch: B, a multiple of the lanes.
        spikes: flat [T * C * G * B], written.
    """
    leak, threshold = spread(width, item(constants, 0)), spread(width, item(constants, 1))
    theta, synapse = spread(width, item(constants, 2)), spread(width, item(constants, 3))
    strength, recovery = spread(width, item(constants, 4)), spread(width, item(constants, 5))
    one, nothing, lanes = spread(width, item(constants, 6)), zeros(width, current), lanes_of(width)
    count, rungs = scale.shape
    for trial in range(count * rungs):
        here, factor = trial // rungs * batch, spread(width, item(scale, trial))
        for sample in range(0, batch, lanes):
            membrane = fired = arriving = trace = nothing
            for t in range(current.size // (count * batch)):
                heard = load(width, current, t * count * batch + here + sample)
                arriving = add(multiply(arriving, synapse), multiply(heard, factor))
                decayed = multiply(membrane, leak)
                if hard:
                    membrane = add(multiply(decayed, subtract_product(one, one, fired)), arriving)
                else:
                    membrane = add(subtract_product(decayed, theta, fired), arriving)
                trace = add(multiply(trace, recovery), fired)
                fired = where_at_least(subtract_product(membrane, strength, trace), threshold, one, nothing)
                store(spikes, (t * count * rungs + trial) * batch + sample, fired)
