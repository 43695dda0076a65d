"""Numba kernel of the event-driven engine: newborns that are not on the chip yet, at many scales of their input.

The steps are those of ``model.neuron.step``, in the same order: the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.model.engines.events.lanes import kernel

Floats = NDArray[Any]


@kernel
def fire(current: Floats, scale: Floats, constants: Floats, hard: bool, spikes: Floats) -> None:
    """Spikes of neurons from rest.

    Args:
        current: input [T, C, B].
        scale: factors of it, to be tried at once [C, G].
        constants: leak, threshold, theta, synapse, strength and recovery, 0 where there is none, and 1.
        hard: a spike sets the membrane to zero instead of subtracting theta.
        spikes: [T, C, G, B], written.
    """
    leak, threshold, theta, synapse, strength, recovery, one = constants
    steps, count, batch = current.shape
    nothing = one - one
    state = np.empty((4, batch), dtype=current.dtype)
    membrane, fired, arriving, trace = state[0], state[1], state[2], state[3]
    for c in range(count):
        for g in range(scale.shape[1]):
            factor = scale[c, g]
            for b in range(batch):
                membrane[b] = fired[b] = arriving[b] = trace[b] = nothing
            for t in range(steps):
                for b in range(batch):
                    arriving[b] = arriving[b] * synapse + current[t, c, b] * factor
                    decayed = membrane[b] * leak
                    after = decayed * (one - fired[b]) if hard else decayed - theta * fired[b]
                    membrane[b] = after + arriving[b]
                    trace[b] = trace[b] * recovery + fired[b]
                    fired[b] = one if membrane[b] - strength * trace[b] >= threshold else nothing
                    spikes[t, c, g, b] = fired[b]
