"""Streams: sequences of experiences, each with its samples. Reads data; knows no network and no chip.

Extension point: add a loader of your own to STREAMS before the run is configured,

    from scheduler.streams import STREAMS
    STREAMS["mine"] = load_mine       # (StreamOptions) -> Loaded

and name it in `stream.name`. Pooling, splitting and cutting into experiences are done here, alike for all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scheduler.streams import splits
from scheduler.streams.arrays import load_arrays
from scheduler.streams.digits import load_digits
from scheduler.streams.fsdd import load_fsdd
from scheduler.streams.types import Experience, Floats, Loaded, Samples, Stream, StreamOptions

__all__ = ["STREAMS", "Experience", "Loaded", "Samples", "Stream", "StreamOptions", "load_stream"]

STREAMS: dict[str, Callable[[StreamOptions], Loaded]] = {
    "digits": load_digits,
    "fsdd": load_fsdd,
    "arrays": load_arrays,
}


def load_stream(options: StreamOptions, max_channels: int) -> Stream:
    """Loads the data, pools it to at most `max_channels` channels and cuts it into experiences.

    `max_channels` is the number of north wires of the chip.

    Raises:
        ValueError: naming the option or file, if the data is missing, unfit, or does not go with the options.
    """
    if options.name not in STREAMS:
        raise ValueError(f"stream.name = {options.name!r} is unknown; take one of {', '.join(STREAMS)}")
    loaded = STREAMS[options.name](options)
    own = loaded.x.shape[1]
    steps = options.steps or loaded.steps
    if own not in (1, steps):
        raise ValueError(f"stream.steps = {steps}, but {loaded.origin} has {own} time steps; set it to 0 or that")
    x, notes = loaded.x, list(loaded.notes)
    factor = pool_factor(x.shape[2], max_channels, options.pool)
    if factor > 1:
        x = pool(x, factor)
        notes.append(f"pooled {loaded.x.shape[2]} -> {x.shape[2]} channels, factor {factor}")
    if options.gain != 1:
        x = np.minimum(x * np.float32(options.gain), np.float32(1))
        notes.append(f"firing probabilities times {options.gain:g}, at most 1")
    if options.limit:
        notes.append(f"at most {options.limit} samples of a class")
    samples = Samples(x, loaded.y, np.arange(len(x), dtype=np.int64))
    tasks = splits.experiences(loaded, samples, splits.split(loaded, options), options)
    return Stream(
        name=options.name,
        setting=options.setting,
        experiences=splits.ordered(tasks, options.order),
        channels=x.shape[2],
        steps=steps,
        classes=len(loaded.class_names),
        class_names=loaded.class_names,
        notes=tuple(notes),
    )


def pool_factor(channels: int, max_channels: int, wanted: int) -> int:
    """How many channels are averaged into one, so that at most `max_channels` are left; 1: none need be.

    `wanted` is `StreamOptions.pool`. The automatic factor is the smallest sufficient divisor of `channels`;
    if that is more than twice the smallest sufficient number, that number, and the last channel averages
    fewer.

    Raises:
        ValueError: if the channels do not fit and pooling is refused or the wanted factor is too small.
    """
    if max_channels < 1:
        raise ValueError(f"the chip has {max_channels} north wires; it needs at least 1 to hear anything")
    least = -(-channels // max_channels)
    if wanted == -1 and least > 1:
        raise ValueError(
            f"the stream has {channels} channels, the chip {max_channels} north wires, and stream.pool = -1 "
            f"forbids pooling; set it to 0 or to {least} or more, or build more of fabric.cols x fabric.wires"
        )
    if 0 < wanted < least:
        raise ValueError(
            f"stream.pool = {wanted} leaves {-(-channels // wanted)} channels for {max_channels} north "
            f"wires; set it to 0 or to {least} or more"
        )
    if wanted > channels:
        raise ValueError(f"stream.pool = {wanted}, but the stream has {channels} channels; give at most that")
    if wanted > 0:
        return wanted
    exact = next(factor for factor in range(least, channels + 1) if channels % factor == 0)
    return exact if exact <= 2 * least else least


def pool(x: Floats, factor: int) -> Floats:
    """Means over `factor` adjacent channels, [S, T, I] -> [S, T, ceil(I / factor)]; the last may be short."""
    starts = np.arange(0, x.shape[2], factor)
    sizes = np.diff(np.append(starts, x.shape[2])).astype(np.float32)
    return np.minimum(np.add.reduceat(x, starts, axis=2) / sizes, np.float32(1))
