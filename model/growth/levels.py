"""Options of two levels of experts: parts that hear inputs, a relay that all of them drive, parts that hear the relay.

After the deep mixture of experts (Eigen, Ranzato and Sutskever 2013, arXiv 1312.4314): a first and a second layer of
experts, of which any one may follow any other, so that N1 + N2 parts are N1 x N2 ways through the chip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smalti.model.options import ranges
from smalti.model.options.values import settle


@dataclass(frozen=True, kw_only=True)
class LevelsOptions:
    """Two levels of experts: north parts hear inputs, south parts the relay that every north part drives.

    Attributes:
        relay: neurons of the relay, founded with the first task; 0: one level, an expert hears inputs itself.
        north: neurons of a north part.
        south: hidden neurons of a south part, beside its outputs.
        bids: what says which parts a task needs that no combination of old ones serves: told (the stream names the
            factors of every task; two-factor does) or trial (what read-outs over the relay and short trials show).
        begin: how a north part under an old south part begins: random (calibrated, as the first one did) or copy (of
            the one that does best under it on validation data; only where every north tile hears all inputs).
        trial: training steps of the short trial in which a new north part shows what it can do.
        promise: score on validation data after a trial from which a new north part is taken.
    """

    relay: int = 0
    north: int = 32
    south: int = 16
    bids: Literal["told", "trial"] = "told"
    begin: Literal["random", "copy"] = "random"
    trial: int = 60
    promise: float = 0.7

    def __post_init__(self) -> None:
        settle(self, "growth.levels")
        ranges.not_negative("growth.levels", self, "relay")
        ranges.at_least("growth.levels", self, 1, "north", "south", "trial")
        ranges.share("growth.levels", self, "promise")
