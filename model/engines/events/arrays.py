"""Arrays of the event-driven engine: where they begin in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from smalti.model.engines.events.plan import Array

CACHE_LINE = 64  # bytes


def aligned(size: int, dtype: Any) -> Array:
    """Zeros that begin at a cache line, as numpy's own arrays do not: half of all loads of lanes would cross one."""
    item = np.dtype(dtype).itemsize
    raw = np.zeros(size * item + CACHE_LINE, dtype=np.uint8)
    first = -raw.__array_interface__["data"][0] % CACHE_LINE  # ``raw.ctypes`` takes ten times as long
    zeros: Array = raw[first : first + size * item].view(dtype)
    return zeros


def line_up(values: Array, dtype: Any) -> Array:
    """An aligned copy of flat values, in this precision."""
    copy = aligned(values.size, dtype)
    copy[:] = values
    return copy
