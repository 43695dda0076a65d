from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pytest

from smalti.model.options import ranges


@dataclass(frozen=True, kw_only=True)
class Options:
    size: float = 0.5
    other: float = 0.5
    way: Literal["up", "down", "along"] = "up"


def at_least_2(section: str, options: object, *names: str) -> None:
    ranges.at_least(section, options, 2, *names)


def at_most_5(section: str, options: object, *names: str) -> None:
    ranges.at_most(section, options, 5, *names)


def up_to_1000(section: str, options: object, *names: str) -> None:
    ranges.positive(section, options, *names, most=1000)


@pytest.mark.parametrize(
    ("check", "allowed", "refused", "range_"),
    [
        (at_least_2, (2, 3.5, 1e6), (1.9, -math.inf, math.nan, 1e6 + 1, math.inf), "be at least 2, at most 1,000,000"),
        (at_most_5, (-math.inf, 5), (5.1, math.inf, math.nan), "be at most 5"),
        (
            ranges.not_negative,
            (0, 3, 1e6),
            (-1e-9, math.nan, 1e6 + 1, math.inf),
            "not be negative, nor above 1,000,000",
        ),
        (up_to_1000, (1e-12, 3, 1000), (0, -1, 1e-320, 1001, math.inf), "be a positive number, 1e-12 to 1,000"),
        (ranges.positive, (1e-9, 3, 1e12), (0, -1, 1e13, math.nan), r"be a positive number, 1e-12 to 1e\+12"),
        (ranges.finite, (-3, 0, 3, -1e12), (-math.inf, 1e13, math.nan), r"be a finite number, -1e\+12 to 1e\+12"),
        (ranges.weight, (0, 3, 1e12), (-1e-9, 1e13, math.nan), r"be a number, 0 or more, at most 1e\+12"),
        (ranges.share, (0, 0.5, 1), (-1e-9, 1.1, math.nan), r"lie in 0\.\.1"),
        (
            ranges.share_above_0,
            (1e-9, 1),
            (0, 1.1, math.nan, 1e-320),
            "lie above 0 and at most at 1 .1e-12 is the least.",
        ),
        (ranges.share_below_1, (0, 0.9), (-1e-9, 1, math.nan), r"lie in 0\.\.1, 1 excluded"),
    ],
)
def test_what_lies_in_a_range(
    check: Callable[..., None], allowed: tuple[float, ...], refused: tuple[float, ...], range_: str
) -> None:
    for value in allowed:
        check("part", Options(size=value), "size")
    for value in refused:
        with pytest.raises(ValueError, match=rf"^part\.size = {re.escape(str(value))} must {range_}$"):
            check("part", Options(size=value), "size")


def test_every_field_that_is_named_is_looked_at_and_no_other() -> None:
    options = Options(other=-1.0)
    ranges.not_negative("part", options, "size")
    with pytest.raises(ValueError, match=r"part\.other = -1\.0"):
        ranges.not_negative("part", options, "size", "other")
