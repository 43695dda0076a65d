"""Takes a few samples of a data set, as they were given and as the chip is given them. Measures nothing."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.coding.prepare import Preparation
from smalti.scheduler.streams.types import Excerpt, Floats, Ints, Loaded

MOST, FEWEST = 1200, 40  # samples; of fewer nothing is measured, where more would be too large
BYTES = 2**26  # that they may take
WINDOWS = 5  # of a time axis


def take(loaded: Loaded, parts: dict[str, Ints], ready: Preparation, wires: int) -> Excerpt | None:
    """Evenly spaced samples of the training and validation parts together; None if some would already be too large."""
    frames, raw = loaded.x.shape[1:]
    count = windows(frames, ready.steps)
    each = max(4 * count * raw, ready.steps * math.prod(ready.left) * (4 if frames > 1 else 1))  # bytes of a sample
    own = np.sort(np.concatenate([parts["train"], parts["validation"]]))
    size = min(len(own), MOST, BYTES // each)
    if size < min(len(own), FEWEST):
        return None
    rows = own[np.arange(size) * len(own) // size]
    exact, given, spikes = [], [], 0.0
    step = max(1, BYTES // (4 * frames * math.prod(ready.coded)))  # samples at once
    for first in range(0, size, step):
        x = loaded.x[rows[first : first + step]]
        exact.append(window_sums(x, count) / np.float32(frames))
        given.append(ready(x))
        spikes += float(x.sum(dtype=np.float64))
    return Excerpt(
        exact=np.concatenate(exact),
        ready=np.concatenate(given),
        raw=loaded.x[rows] if 4 * size * frames * raw <= BYTES else None,
        y=loaded.y[rows],
        spikes=spikes / size / frames * ready.steps,
        wires=wires,
    )


def windows(frames: int, steps: int) -> int:
    """Windows of time in which spikes are counted: one where nothing changes in time."""
    return min(WINDOWS, frames, steps) if frames > 1 else 1


def window_sums(x: NDArray[np.generic], count: int) -> Floats:
    """Sums [S, count x I] of values [S, T, I] in consecutive windows of time."""
    edges = [w * x.shape[1] // count for w in range(count)]
    sums = np.add.reduceat(x, edges, axis=1, dtype=np.float32)
    return np.asarray(sums.reshape(len(x), -1))
