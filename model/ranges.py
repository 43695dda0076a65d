"""What options may be: each function refuses the first of some fields that lies out of a range, and says the range.

``section`` is the dotted name of the options in the configuration, such as ``growth.newborns``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any


def at_least(section: str, options: object, least: float, *names: str) -> None:
    """Numbers from ``least`` on."""
    _check(section, options, names, lambda value: value >= least, f"be at least {least}")


def not_negative(section: str, options: object, *names: str) -> None:
    """Numbers from 0 on."""
    _check(section, options, names, lambda value: value >= 0, "not be negative")


def positive(section: str, options: object, *names: str) -> None:
    """Finite numbers above 0."""
    _check(section, options, names, lambda value: math.isfinite(value) and value > 0, "be a positive number")


def finite(section: str, options: object, *names: str) -> None:
    """Finite numbers."""
    _check(section, options, names, math.isfinite, "be a finite number")


def weight(section: str, options: object, *names: str) -> None:
    """Finite numbers from 0 on."""
    _check(section, options, names, lambda value: math.isfinite(value) and value >= 0, "be a number, 0 or more")


def share(section: str, options: object, *names: str) -> None:
    """Numbers from 0 to 1."""
    _check(section, options, names, lambda value: 0 <= value <= 1, "lie in 0..1")


def share_above_0(section: str, options: object, *names: str) -> None:
    """Numbers above 0, at most 1."""
    _check(section, options, names, lambda value: 0 < value <= 1, "lie above 0 and at most at 1")


def share_below_1(section: str, options: object, *names: str) -> None:
    """Numbers from 0 on, below 1."""
    _check(section, options, names, lambda value: 0 <= value < 1, "lie in 0..1, 1 excluded")


def _check(section: str, options: object, names: tuple[str, ...], allowed: Callable[[Any], bool], range_: str) -> None:
    for name in names:
        value = getattr(options, name)
        if not allowed(value):
            raise ValueError(f"{section}.{name} = {value} must {range_}")
