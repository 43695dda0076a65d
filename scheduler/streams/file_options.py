"""The options of the streams that read files of the field. Reads nothing."""

from __future__ import annotations

from dataclasses import dataclass

from smalti.model import ranges
from smalti.model.option_values import settle


@dataclass(frozen=True, kw_only=True)
class SpikeTrainOptions:
    """Spike trains in the layout of SHD and SSC: how they are cut into time steps and channels.

    Attributes:
        seconds: time that is kept of every sample; later spikes are dropped, and counted in a note.
        units: units of the sensor; 0: as many as occur in the files.
        rate_free: whether counts are taken out: units are grouped to `channels`, of these those are kept that have
            `count` spikes or more in nine of ten training samples, and every sample has exactly so many in each,
            drawn from its own; where it has fewer, at random times.
        channels: groups of neighbouring units, where rate_free; at most as many as the chip has north wires.
        count: spikes in each kept channel, where rate_free.
    """

    seconds: float = 1.4
    units: int = 0
    rate_free: bool = False
    channels: int = 64
    count: int = 10

    def __post_init__(self) -> None:
        settle(self, "stream.shd")
        ranges.positive("stream.shd", self, "seconds")
        ranges.at_least("stream.shd", self, 0, "units", most=ranges.MOST)
        ranges.at_least("stream.shd", self, 2, "channels", most=ranges.MOST)
        ranges.at_least("stream.shd", self, 1, "count", most=ranges.MOST)
