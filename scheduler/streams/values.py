"""Whether numbers can be firing probabilities. Knows no stream."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_range(origin: str, key: str, x: NDArray[Any]) -> None:
    """Whether numbers are firing probabilities; of the type that they were given in.

    Raises:
        ValueError: naming the array and what it holds.
    """
    with np.errstate(all="ignore"):  # bits that are no number
        lowest, highest = x.min(), x.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):  # NaN spreads to both
        odd = ~np.isfinite(x)
        first = int(np.flatnonzero(odd.reshape(len(x), -1).any(axis=1))[0])
        raise ValueError(
            f"{origin}: {key} contains NaN or infinite values ({int(odd.sum())}, the first in sample {first}); leave "
            f"those samples out: keep = numpy.isfinite({key}).reshape(len({key}), -1).all(axis=1)"
        )
    low, high = float(lowest), float(highest)
    if low < 0 or high > 1:
        beyond = max(abs(low), abs(high)) > float(np.finfo(np.float32).max)
        raise ValueError(
            f"{origin}: {key} lies in {low:g}..{high:g}{', beyond what float32 holds' if beyond else ''}, but holds "
            "firing probabilities a time step, 0..1; subtract its minimum and divide by its range"
        )
