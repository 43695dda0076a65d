"""The steps of ``model.optimiser`` as one pass over the devices that learn, in numba. Same formulas, same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.model.engines.events.lanes import kernel

Array = NDArray[Any]
Bools = NDArray[np.bool_]


@kernel
def squared_norm(gradient: Array, learns: Bools) -> float:
    """Sum of squares of the gradient over the devices that learn, in one order."""
    total = 0.0
    for k in range(gradient.size):
        if learns[k]:
            total += float(gradient[k]) * float(gradient[k])
    return total


@kernel
def adam(
    weight: Array,
    gradient: Array,
    learns: Bools,
    first: Array,
    second: Array,
    count: Array,
    factors: Array | None,
    corrections: Array,
    constants: Array,
) -> None:
    """One step of Adam, in place; all arrays flat.

    Args:
        weight, gradient, learns, first, second, count, factors: as in ``model.optimiser``.
        corrections: 1 / (1 - decay ** steps) of both moments [2, steps]; beyond the last they are 1.
        constants: factor of the gradient, learning rate, decay of both moments, epsilon, 1, weight decay, guard.
    """
    factor, rate, keep_first, keep_second, epsilon, one, weight_decay, guard = constants
    last = corrections.shape[1] - 1
    for k in range(weight.size):
        if learns[k]:
            g = gradient[k] * factor
            count[k] += one
            first[k] += (g - first[k]) * (one - keep_first)
            second[k] = second[k] * keep_second + g * g * (one - keep_second)
            steps = min(np.int64(count[k]), last)
            spread = np.sqrt(second[k] * corrections[1, steps]) + epsilon
            own = rate if factors is None else rate * factors[k]
            if count[k] > guard:
                weight[k] -= own * weight_decay * weight[k]
            weight[k] -= own * (first[k] * corrections[0, steps]) / spread


@kernel
def momentum(
    weight: Array,
    gradient: Array,
    learns: Bools,
    first: Array,
    count: Array,
    factors: Array | None,
    constants: Array,
) -> None:
    """One step of gradient descent with momentum, in place; arguments as in ``adam``."""
    factor, rate, keep, _, _, one, weight_decay, guard = constants
    for k in range(weight.size):
        if learns[k]:
            first[k] = first[k] * keep + gradient[k] * factor
            count[k] += one
            own = rate if factors is None else rate * factors[k]
            if count[k] > guard:
                weight[k] -= own * weight_decay * weight[k]
            weight[k] -= own * first[k]
