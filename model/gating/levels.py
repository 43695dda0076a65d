"""Options of a gate on either of two levels. Knows no gating network but by name."""

from __future__ import annotations

from dataclasses import dataclass

from smalti.model.options import ranges
from smalti.model.options.values import settle


@dataclass(frozen=True, kw_only=True)
class LevelGateOptions:
    """Gates of two levels of experts (network levels): one hears inputs, one the relay.

    Attributes:
        north: gating network, by name, that hears input counts and chooses among north parts: gaussian, lda,
            prototype, autoencoder, softmax, random, or crossbar (columns of the chip).
        south: likewise, that hears the relay under a north part and chooses among the experts behind it; no crossbar.
        ways: north parts that run for a sample until the second gate has heard the relay under each, the most probable
            first; 0: all of them.
    """

    north: str = "gaussian"
    south: str = "gaussian"
    ways: int = 1

    def __post_init__(self) -> None:
        settle(self, "gating.levels")
        ranges.not_negative("gating.levels", self, "ways")
