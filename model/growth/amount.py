"""How many neurons to ask for. ``AMOUNTS`` is the extension point: a user's module may add its own under a new name.

An amount is a function ``(present, classes, room, options) -> births``; more than ``room`` is cut to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from smalti.model.growth.options import GrowthOptions

SHARE = 0.2  # of the present hidden neurons
Amount = Callable[[int, int, int, GrowthOptions], int]


def fixed(present: int, classes: int, room: int, options: GrowthOptions) -> int:
    """``births`` for every class of the expert."""
    return options.births * classes


def geometric(present: int, classes: int, room: int, options: GrowthOptions) -> int:
    """A share of the expert's present hidden neurons, rounded up."""
    return math.ceil(SHARE * present)


def double(present: int, classes: int, room: int, options: GrowthOptions) -> int:
    """As many as the expert has hidden neurons."""
    return max(1, present)


def until_price(present: int, classes: int, room: int, options: GrowthOptions) -> int:
    """All there is room for: the auction ends where no bid exceeds its price."""
    return room


AMOUNTS: dict[str, Amount] = {"fixed": fixed, "geometric": geometric, "double": double, "until_price": until_price}
