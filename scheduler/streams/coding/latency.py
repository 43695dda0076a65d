"""Latency code: every value becomes one spike, the earlier the larger it is; 0 stays silent. Knows no files.

S. Thorpe, A. Delorme, R. Van Rullen, Spike-based strategies for rapid processing, Neural Networks 14, 2001. In a sample
of T time steps a value x fires in step (1 - x) (T - 1), rounded. No chance is in it: what T steps tell apart is heard.
"""

from __future__ import annotations

import numpy as np

from smalti.scheduler.streams.types import Floats


def encode(x: Floats, steps: int) -> Floats:
    """Spikes [S, T, I] of values [S, 1, I] in 0..1."""
    when = np.rint((1 - x) * (steps - 1)).astype(np.int64)
    fires = (np.arange(steps)[:, None] == when) & (x > 0)
    return np.asarray(fires, dtype=np.float32)
