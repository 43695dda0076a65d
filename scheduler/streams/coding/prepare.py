"""From the data as they are to the firing probabilities that the chip is given: coded, pooled, scaled, stretched."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.coding import latency, population
from smalti.scheduler.streams.coding.pooling import Pooling, Shape, choose_block, pool, pooled, spell
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.spikes.packed import packed
from smalti.scheduler.streams.spikes.rendered import AT_ONCE, Rendered, changed, pieces
from smalti.scheduler.streams.types import WARNING, Floats, Loaded

LARGE = 4  # neighbours pooled into one, from which on it matters whether they are pixels
CURE = "give fewer samples or stream.steps"
PLANES = (1, 2, 3)  # of images that nobody said are some: grey, polarities, colours


@dataclass(frozen=True)
class Preparation:
    """What is done to every sample, and to new ones later."""

    shape: Shape  # of the channels as they are given
    cells: int  # channels a feature in a population code; 0: the features are the channels
    block: Shape  # of the coded channels that become one
    pooling: Pooling
    gain: float
    steps: int  # of a sample with a time axis of its own; shorter ones are stretched to it
    latency: bool = False  # whether every value becomes a spike, the earlier the larger

    @property
    def coded(self) -> Shape:
        """Shape of the channels before pooling."""
        return population.coded_shape(self.shape, self.cells) if self.cells else self.shape

    @property
    def left(self) -> Shape:
        """Shape of the channels that the chip hears."""
        return pooled(self.coded, self.block)

    def __call__(self, x: Floats) -> Floats:
        """Firing probabilities [S, T or 1, I] of samples as they are given [S, T, 1 or fewer, raw I]."""
        if self.cells:
            x = population.encode(x, self.shape, self.cells)
        x = pool(x, self.coded, self.block, self.pooling)
        if self.gain != 1:
            x = np.minimum(x * np.float32(self.gain), np.float32(1))
        return latency.encode(x, self.steps) if self.latency else stretched(x, self.steps)

    def all_of(self, loaded: Loaded) -> Floats | Rendered:
        """All samples of a data set as the chip is given them; what is kept as spikes and stays such, a bit each."""
        x, whole = loaded.x, self.pooling == "or" or max(self.block) == 1
        if isinstance(x, Rendered) and x.spikes and whole and not self.cells and self.gain >= 1:
            return packed(loaded.origin, len(x), ((rows, self(part)) for rows, part in pieces(x)), CURE)
        if self.latency:
            some = (slice(first, first + AT_ONCE) for first in range(0, len(x), AT_ONCE))
            return packed(loaded.origin, len(x), ((rows, self(x[rows])) for rows in some), CURE)
        return changed(x, self)

    def notes(self) -> list[str]:
        """What is done, in words."""
        notes = []
        if self.cells:
            notes.append(
                f"population code: {spell(self.shape)} features -> {spell(self.coded)} channels, {self.cells} a feature"
            )
        if self.left != self.coded:
            image = len(self.block) > 1
            how = f"blocks of {spell(self.block[-2:])} pixels" if image else f"factor {self.block[0]}"
            what = {"mean": "", "or": ", firing where one of them does", "count": ", summed"}[self.pooling]
            notes.append(f"pooled {spell(self.coded)} -> {spell(self.left)} channels, {how}{what}")
            if not image and self.block[0] >= LARGE and not self.cells:
                notes += _pixels(self.shape[0], self.block[0])
        if self.latency:
            notes.append(f"latency code: a spike a value in {self.steps} time steps, the earlier the larger")
        if self.gain != 1:
            notes.append(f"firing probabilities times {self.gain:g}, at most 1")
        return notes


def choose(loaded: Loaded, options: StreamOptions, max_channels: int) -> Preparation:
    """The preparation of a data set for a chip of so many north wires.

    Raises:
        ValueError: the channels do not fit, or the options do not go with them.
    """
    shape, cells, frames = loaded.shape, 0, loaded.x.shape[1]
    if options.code == "latency" and frames > 1:
        raise ValueError(
            f"stream.code = 'latency' gives every value a spike in time, and {loaded.origin} has {frames} time steps "
            "of its own; take bernoulli or population"
        )
    if options.code == "population":
        cells = options.cells or population.cells_that_fit(loaded.x.shape[2], max_channels)
    coded = population.coded_shape(shape, cells) if cells else shape
    block = choose_block(coded, max_channels, options.pool)
    how = options.pooling
    if how == "auto":
        how = "or" if max(block) > 1 and not cells and _are_spikes(loaded.x) else "mean"
    ready = Preparation(
        shape, cells, block, how, options.gain, options.steps or loaded.steps, options.code == "latency"
    )
    _check_size(loaded, ready)
    return ready


def stretched(x: Floats, steps: int) -> Floats:
    """Samples [S, T, ...] with every time step held, so that there are ``steps``; without a time axis as they are."""
    own = x.shape[1]
    return x if own in (1, steps) else x[:, np.arange(steps) * own // steps]


def _check_size(loaded: Loaded, ready: Preparation) -> None:
    """Whether coded, stretched and drawn samples can be held; all of them, as setting joint draws them in an epoch."""
    frames, left = loaded.x.shape[1], ready.steps * math.prod(ready.left)
    bytes_each = max(4 * frames * math.prod(ready.coded), 4 * left if frames > 1 else left)
    if isinstance(loaded.x, Rendered) and not ready.cells:
        bytes_each = left if loaded.x.spikes else 4 * left  # a few samples are spelled out at a time
    size = len(loaded.x) * bytes_each
    if size > limits.memory() // 2:
        raise ValueError(
            f"{loaded.origin}: {len(loaded.x)} samples would take {limits.spell_bytes(size)} with {ready.steps} time "
            "steps, more than half of this machine's memory; give fewer samples, stream.steps or stream.cells"
        )


def _are_spikes(x: Floats | Rendered) -> bool:
    """Whether there is a time axis and every value is 0 or 1.

    Zeros and ones without a time axis are probabilities, the same in every step: their mean says how many of them are
    one. Nearest neighbours tell 82 % of binary MNIST by spikes from 7 x 7 means, 72 % by blocks with any white pixel.
    """
    if isinstance(x, Rendered):
        return x.spikes
    return x.shape[1] > 1 and bool(((x == 0) | (x == 1)).all())


def _pixels(channels: int, factor: int) -> list[str]:
    """A warning where channels may be pixels of one or several square images, and neighbours in rows are pooled."""
    for planes in PLANES:
        side = round((channels / planes) ** 0.5)
        if planes * side**2 == channels:
            named = f"image = [{side}, {side}]" if planes == 1 else f"shape = [{planes}, {side}, {side}]"
            array = named.split()[0]
            return [
                f"{WARNING}{factor} channels in a row become one; if the {channels} are {spell((planes, side, side))} "
                f"pixels, say so with an array {named} in the file, or {array}= of smalti.data: blocks are pooled then"
            ]
    return []
