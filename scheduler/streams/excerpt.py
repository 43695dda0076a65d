"""Takes a few samples of a data set, as they were given and as the chip is given them. Measures nothing."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.prepare import Preparation
from smalti.scheduler.streams.types import Excerpt, Floats, Ints, Loaded

MOST = 1200  # samples at most
FEWEST = 50  # whatever they take
BYTES = 2**26  # and so many bytes at most, as they were given, and as the chip is given them
WINDOWS = 5  # of a time axis


def take(loaded: Loaded, parts: dict[str, Ints], ready: Preparation, wires: int) -> Excerpt:
    """Evenly spaced samples of the training and validation parts together; none of the test part."""
    frames, raw = loaded.x.shape[1:]
    kept = windows(frames, ready.steps) * raw if frames > 1 else raw
    drawn = ready.steps * math.prod(ready.left)
    each = max(4 * kept, 4 * frames * math.prod(ready.coded), drawn)  # bytes of a sample, as it becomes larger
    own = np.sort(np.concatenate([parts["train"], parts["validation"]]))
    count = min(len(own), MOST, max(BYTES // each, FEWEST))
    rows = own[np.arange(count) * len(own) // count]  # evenly spaced
    x = loaded.x[rows]
    exact = window_sums(x, windows(frames, ready.steps)) / np.float32(frames) if frames > 1 else x[:, 0]
    return Excerpt(
        exact=exact,
        ready=ready(x),
        raw=x if x.nbytes <= BYTES else None,
        y=loaded.y[rows],
        spikes=float(x.mean(dtype=np.float64)) * raw * ready.steps,
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
