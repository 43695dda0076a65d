"""Level crossings: a signal becomes spikes of two channels, where it has risen or fallen by a threshold.

Also called delta modulation, or send on delta; as of an ADM circuit without refractory time. A level starts at the
first value of a window; where the signal lies a threshold or more above it, the up channel fires and the level rises by
as many whole thresholds; the down channel likewise. Knows no files.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.types import Floats


def thresholds(x: Floats, percentiles: tuple[float, float], levels: float) -> NDArray[np.float64]:
    """Of every channel [C] of windows [S, time, C]: the spread between two percentiles, divided by some levels.

    A channel that does not vary has threshold infinity: it never fires.
    """
    low, high = np.percentile(x.reshape(-1, x.shape[2]).astype(np.float64), percentiles, axis=0)
    spread = (high - low) / levels
    return np.where(spread > 0, spread, np.inf)


def encode(x: Floats, threshold: NDArray[np.float64], steps: int) -> Floats:
    """Spikes [S, T, 2 C], up channels first, of windows [S, time, C]; several in one step are one."""
    samples, time, channels = x.shape
    spikes = np.zeros((samples, steps, 2 * channels), dtype=np.float32)
    level = x[:, 0].astype(np.float64)
    for at in range(1, time):
        moved = np.trunc((x[:, at] - level) / threshold)
        level += np.where(moved == 0, 0.0, moved * np.where(np.isinf(threshold), 0.0, threshold))
        step = at * steps // time
        spikes[:, step, :channels][moved > 0] = 1
        spikes[:, step, channels:][moved < 0] = 1
    return spikes
