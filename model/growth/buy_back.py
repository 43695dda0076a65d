"""Options of buying back: what old experts may be asked for where a new task finds no room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smalti.model.options import ranges
from smalti.model.options.values import settle


@dataclass(frozen=True, kw_only=True)
class BuyBackOptions:
    """What may be bought back from old experts where a new task finds no room.

    Attributes:
        by: none (old experts keep all they have), loss (neurons whose loss costs old tasks least) or random (neurons
            drawn at random, the control).
        samples: validation samples kept of every old task, on which that cost is measured.
    """

    by: Literal["none", "loss", "random"] = "none"
    samples: int = 64

    def __post_init__(self) -> None:
        settle(self, "growth.buy_back")
        ranges.at_least("growth.buy_back", self, 1, "samples")
