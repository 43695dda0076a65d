"""The steps of ``model.optimiser`` as one pass over the devices that learn, in numba. Same formulas, same numbers."""

from __future__ import annotations

import math

from smalti.model.engines.events.kernels.compiled import kernel
from smalti.model.engines.events.kernels.lanes import item, put
from smalti.model.engines.events.plan import Array, Ints


@kernel
def squared_norm(gradient: Array, learning: Ints) -> float:
    """Sum of squares of the gradient over the devices that learn, in their order."""
    total = 0.0
    for place in range(learning.size):
        g = float(item(gradient, item(learning, place)))
        total += g * g
    return total


@kernel
def adam(
    weight: Array,
    gradient: Array,
    learning: Ints,
    first: Array,
    second: Array,
    count: Array,
    factors: Array | None,
    corrections: Array,
    constants: Array,
) -> None:
    """One step of Adam, in place; all arrays flat.

    Args:
        weight, gradient, first, second, count, factors: as in ``model.optimiser``.
        learning: places of the devices that learn.
        corrections: 1 / (1 - decay ** steps) of both moments [2, steps]; beyond the last they are 1.
        constants: factor of the gradient, learning rate, decay of both moments, epsilon, 1, weight decay, guard.
    """
    factor, rate = item(constants, 0), item(constants, 1)
    keep_first, keep_second, epsilon = item(constants, 2), item(constants, 3), item(constants, 4)
    one, weight_decay, guard = item(constants, 5), item(constants, 6), item(constants, 7)
    last = corrections.shape[1] - 1
    for place in range(learning.size):
        k = item(learning, place)
        g, steps, mean, w = item(gradient, k) * factor, item(count, k) + one, item(first, k), item(weight, k)
        mean += (g - mean) * (one - keep_first)
        square = item(second, k) * keep_second + g * g * (one - keep_second)
        put(count, k, steps)
        put(first, k, mean)
        put(second, k, square)
        row = min(int(steps), last)
        spread = math.sqrt(square * item(corrections, last + 1 + row)) + epsilon
        own = rate
        if factors is not None:
            own = rate * item(factors, k)
        if steps > guard:
            w -= own * weight_decay * w
        put(weight, k, w - own * (mean * item(corrections, row)) / spread)


@kernel
def momentum(
    weight: Array,
    gradient: Array,
    learning: Ints,
    first: Array,
    count: Array,
    factors: Array | None,
    constants: Array,
) -> None:
    """One step of gradient descent with momentum, in place; arguments as in ``adam``."""
    factor, rate, keep = item(constants, 0), item(constants, 1), item(constants, 2)
    one, weight_decay, guard = item(constants, 5), item(constants, 6), item(constants, 7)
    for place in range(learning.size):
        k = item(learning, place)
        steps, mean, w = item(count, k) + one, item(first, k) * keep + item(gradient, k) * factor, item(weight, k)
        put(count, k, steps)
        put(first, k, mean)
        own = rate
        if factors is not None:
            own = rate * item(factors, k)
        if steps > guard:
            w -= own * weight_decay * w
        put(weight, k, w - own * mean)
