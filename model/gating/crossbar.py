"""Options of the gate that stands on the chip itself. Knows no gating network but by name."""

from __future__ import annotations

from dataclasses import dataclass

from smalti.model.options import ranges
from smalti.model.options.values import settle


@dataclass(frozen=True, kw_only=True)
class CrossbarOptions:
    """Columns of the chip's crossbars that tell classes apart by input spikes (network crossbar).

    Attributes:
        centres: means kept for each class, each with columns of its own: one for each time window and, where inputs are
            spread over the north tiles, for each of these. More of them follow classes that are no single cloud.
        taps: most input channels that a column hears, chosen by the auction of taps; 0: all that are worth something.
    """

    centres: int = 1
    taps: int = 0

    def __post_init__(self) -> None:
        settle(self, "gating.crossbar")
        ranges.at_least("gating.crossbar", self, 1, "centres", most=1000)
        ranges.not_negative("gating.crossbar", self, "taps")
