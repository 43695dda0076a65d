"""What options may be: each function refuses the first of some fields that lies out of a range, and says the range.

Every number has a least and a greatest value. The greatest ones are far beyond what anybody needs, and small enough
that nothing overflows or takes all memory for a slip of the pen:

    MOST      1,000,000   things that are counted: neurons, samples, rounds, steps of a round
    EVER      10^9        steps of a life and pauses between events; for a run that is never
    SEED      2^63 - 1    seeds: what a table and a TOML file can hold
    SMALLEST  10^-12      quantities that must be positive: they stay above zero in single precision
    LARGEST   10^12       quantities: they and their squares stay finite in single precision

A field whose own bound is another says so where it is checked. ``section`` is the dotted name of the options in the
configuration, such as ``growth.newborns``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smalti.model.options.values import dotted, shown

MOST = 1_000_000
EVER = 1_000_000_000
SEED = 2**63 - 1
SMALLEST, LARGEST = 1e-12, 1e12


def at_least(section: str, options: object, least: float, *names: str, most: float = MOST) -> None:
    """Numbers from ``least`` to ``most``."""
    _check(section, options, names, least, most, f"be at least {spelled(least)}, at most {spelled(most)}")


def at_most(section: str, options: object, most: float, *names: str) -> None:
    """Numbers up to ``most``, where the section says itself what the least is."""
    _check(section, options, names, float("-inf"), most, f"be at most {spelled(most)}")


def not_negative(section: str, options: object, *names: str, most: float = MOST) -> None:
    """Numbers from 0 to ``most``."""
    _check(section, options, names, 0, most, f"not be negative, nor above {spelled(most)}")


def positive(section: str, options: object, *names: str, most: float = LARGEST) -> None:
    """Numbers above 0, up to ``most``."""
    range_ = f"be a positive number, {spelled(SMALLEST)} to {spelled(most)}"
    _check(section, options, names, SMALLEST, most, range_)


def finite(section: str, options: object, *names: str) -> None:
    """Numbers of any sign."""
    range_ = f"be a finite number, {spelled(-LARGEST)} to {spelled(LARGEST)}"
    _check(section, options, names, -LARGEST, LARGEST, range_)


def weight(section: str, options: object, *names: str) -> None:
    """Numbers from 0 to ``LARGEST``."""
    _check(section, options, names, 0, LARGEST, f"be a number, 0 or more, at most {spelled(LARGEST)}")


def share(section: str, options: object, *names: str) -> None:
    """Numbers from 0 to 1."""
    _check(section, options, names, 0, 1, "lie in 0..1")


def share_above_0(section: str, options: object, *names: str) -> None:
    """Numbers above 0, at most 1."""
    range_ = f"lie above 0 and at most at 1 ({spelled(SMALLEST)} is the least)"
    _check(section, options, names, SMALLEST, 1, range_)


def share_below_1(section: str, options: object, *names: str) -> None:
    """Numbers from 0 on, below 1."""
    _check(section, options, names, 0, 1, "lie in 0..1, 1 excluded", lambda value: value != 1)


def spelled(number: float) -> str:
    """A bound as people read it: 1,000,000 or 1e+12."""
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def _check(
    section: str,
    options: object,
    names: tuple[str, ...],
    least: float,
    most: float,
    range_: str,
    allowed: Callable[[Any], bool] = lambda value: True,
) -> None:
    for name in names:
        value = getattr(options, name)
        if not (least <= value <= most and allowed(value)):
            raise ValueError(f"{dotted(section, name)} = {shown(value)} must {range_}")
