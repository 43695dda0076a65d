"""Where newborns go. ``PLACEMENTS`` is the extension point: a user's module may add its own under a new name.

A placement ranks a bid: ``(tile, value, price, site) -> rank``. Of the bids that fit, one of the highest rank is
awarded, ranks change, and so on; ties between tiles are drawn, ties within a tile go to the larger value. So a
placement that knows the tile alone gives every tile the same chance however many candidates it sends, and takes the
best of them. How a candidate is wired is no business of a placement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from smalti.model.chip.fabric import Fabric


@dataclass(frozen=True)
class Site:
    """What a placement knows of the chip; the counts follow the awards."""

    fabric: Fabric
    output_tile: int  # of the expert that grows
    free: dict[int, list[int]]  # tile -> slots for sale, to be given out from the front
    own: Counter[int]  # tile -> hidden neurons of the expert


Placement = Callable[[int, float, float, Site], float]


def auction(tile: int, value: float, price: float, site: Site) -> float:
    """Value minus price. ``agents.auction.sequential`` clears it, and only what is above 0."""
    return value - price


def value(tile: int, value: float, price: float, site: Site) -> float:
    """Value alone."""
    return value


def uniform(tile: int, value: float, price: float, site: Site) -> float:
    """All alike: every birth draws its tile, the control of all others."""
    return 0.0


def balanced(tile: int, value: float, price: float, site: Site) -> float:
    """Tiles with the fewest neurons of the expert."""
    return -float(site.own[tile])


def nearest(tile: int, value: float, price: float, site: Site) -> float:
    """Tiles nearest to the expert's outputs, in rows plus columns."""
    return -float(site.fabric.distance(tile, site.output_tile))


def fullest(tile: int, value: float, price: float, site: Site) -> float:
    """Tiles with the fewest free slots."""
    return -float(len(site.free[tile]))


PLACEMENTS: dict[str, Placement] = {
    "auction": auction,
    "value": value,
    "uniform": uniform,
    "balanced": balanced,
    "nearest": nearest,
    "fullest": fullest,
}
