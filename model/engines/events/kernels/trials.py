"""Score of trials that end in a direction, in numba: that of ``scheduler.streams.scores``, which training asks often.

A phase of a trial is a run of steps that are asked; the last one is the response.
"""

from __future__ import annotations

import math

from torch import Tensor

from smalti.model.engines.events.kernels.compiled import kernel
from smalti.model.engines.events.kernels.forward import Floats
from smalti.model.engines.events.kernels.lanes import item


def direction(outputs: Tensor, targets: Tensor, weights: Tensor, threshold: float, near: float, last: int) -> float:
    """Share of trials whose response is right: outputs [B, T, 3] are fixation, cosine and sine of a direction.

    Args:
        outputs, targets: [B, T, 3].
        weights: of the steps [B, T], 0 where nothing is asked.
        threshold: above it, there is fixation.
        near: directions that are no farther from each other are one, radians.
        last: steps of a phase whose mean counts.
    """
    membrane = outputs.permute(1, 2, 0).contiguous()  # as the engine leaves it: it is not copied then
    asked = (part.contiguous().view(-1).numpy() for part in (targets, weights))
    right: int = _direction(membrane.view(-1).numpy(), *asked, len(outputs), threshold, near, last)
    return right / len(outputs)


@kernel
def _end(values: Floats, first: int, stride: int, begin: int, end: int, last: int) -> float:
    """Mean over the last steps from ``begin`` to ``end``, of values that begin at ``first``."""
    total, count = 0.0, 0
    for t in range(end, max(begin, end - last + 1, 0) - 1, -1):
        total += float(item(values, first + t * stride))
        count += 1
    return total / max(count, 1)


@kernel
def _direction(
    outputs: Floats, targets: Floats, weights: Floats, batch: int, threshold: float, near: float, last: int
) -> int:
    """How many are right; outputs are flat [T * 3 * B], targets flat [B * T * 3], weights flat [B * T]."""
    steps, right = weights.size // batch, 0
    for sample in range(batch):
        response = until = before = end = -1
        asked = False
        for t in range(steps):
            now = item(weights, sample * steps + t) > 0
            if now and not asked:
                before, until, response = response, end, t
            if now:
                end = t
            asked = now
        meant, here = sample * steps * 3, 3 * batch
        should = _end(targets, meant, 3, response, end, last) > threshold
        fixating = _end(outputs, sample, here, response, end, last) > threshold
        kept = until < 0 or _end(outputs, sample, here, before, until, last) > threshold
        said_cosine = _end(outputs, batch + sample, here, response, end, last)
        said_sine = _end(outputs, 2 * batch + sample, here, response, end, last)
        cosine = _end(targets, meant + 1, 3, response, end, last)
        sine = _end(targets, meant + 2, 3, response, end, last)
        apart = math.atan2(said_sine, said_cosine) - math.atan2(sine, cosine)
        good = fixating if should else not fixating and math.cos(apart) > math.cos(near)
        right += good and kept
    return right
