"""The options of the streams that read files of the field. Reads nothing."""

from __future__ import annotations

from dataclasses import dataclass

from smalti.model.options import ranges
from smalti.model.options.values import settle

WIDEST = 2**15  # pixels


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


@dataclass(frozen=True, kw_only=True)
class EventsOptions:
    """Recordings of event cameras: how they are cut into time steps and channels.

    Attributes:
        size: width and height of the sensor in pixels; 0 0: as large as its events show.
        polarities: whether brighter and darker are channels of their own.
        block: side of the blocks of pixels that become one when they are read: for large sensors; what is left is
            pooled to the chip's channels like all images.
        window_ms: time that is kept of every recording, from its first event on; 0: all of each, however long.
    """

    size: tuple[int, int] = (0, 0)
    polarities: bool = True
    block: int = 1
    window_ms: float = 0.0

    def __post_init__(self) -> None:
        settle(self, "stream.events")
        if min(self.size) < 0 or max(self.size) > WIDEST or (0 in self.size and max(self.size)):
            raise ValueError(
                f"stream.events.size = {list(self.size)} must be a width and a height up to {WIDEST:,}, or 0 0"
            )
        ranges.at_least("stream.events", self, 1, "block", most=WIDEST)
        ranges.at_least("stream.events", self, 0, "window_ms", most=ranges.EVER)


@dataclass(frozen=True, kw_only=True)
class SignalsOptions:
    """Signals and tables: where their labels are, how they are cut into windows and become spikes.

    Attributes:
        label: column of a table that holds the labels.
        id: column that says which rows of a table are one series; empty: none does.
        channels: columns, leads or signals to take; empty: all.
        window: rows of a table that are one window; 0: every row is a sample of features.
        stride: rows from one window to the next; 0: as many as a window has.
        before_ms: of a window around an annotation, before it.
        after_ms: of a window around an annotation, after it.
        annotations: ending of the file of annotations beside a record.
        normal: labels that are one class, all others being the other; empty: each is its own; of the stream ecg N.
        percentiles: between which the spread of a channel is measured.
        levels: thresholds that fit into the spread.
    """

    label: str = "label"
    id: str = ""
    channels: tuple[str, ...] = ()
    window: int = 0
    stride: int = 0
    before_ms: float = 350.0
    after_ms: float = 350.0
    annotations: str = "atr"
    normal: tuple[str, ...] = ()
    percentiles: tuple[float, float] = (1.0, 99.0)
    levels: float = 10.0

    def __post_init__(self) -> None:
        settle(self, "stream.signals")
        ranges.at_least("stream.signals", self, 0, "window", "stride", most=ranges.MOST)
        ranges.at_least("stream.signals", self, 0, "before_ms", "after_ms", most=ranges.MOST)
        ranges.positive("stream.signals", self, "levels")
        if not self.annotations.isalnum():
            raise ValueError(f"stream.signals.annotations = {self.annotations!r} must be an ending such as atr")
        if self.window == 1:
            raise ValueError("stream.signals.window = 1 leaves nothing that rises or falls; give 2 or more, or 0")
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise ValueError(f"stream.signals.percentiles = {[low, high]} must rise, from 0 to 100")
