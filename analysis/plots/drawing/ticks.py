"""Round numbers for axes."""

from __future__ import annotations

import math

ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)


def ticks(first: float, last: float, most: int) -> list[tuple[float, str]]:
    """Round numbers between two limits, in whichever order these come, evenly apart, and how they are written.

    Args:
        first, last: the limits.
        most: how many there is room for, at least 2.
    """
    low, high = min(first, last), max(first, last)
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in ROUND if power * factor >= raw * (1 - 1e-9))
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    digits += round(step, digits) != round(step, digits + 1)  # of 2.5
    begin, end = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(step * k, f"{step * k:.{digits}f}".replace("-", "\N{MINUS SIGN}")) for k in range(begin, end + 1)]
