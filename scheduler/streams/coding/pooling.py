"""As many channels as the chip can hear: one for several neighbours, or for blocks of an image's pixels."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from smalti.scheduler.streams.types import Floats

Pooling = Literal["mean", "or", "count"]
Shape = tuple[int, ...]  # (channels,), (rows, columns) of an image, or (planes, rows, columns) of several


def choose_block(shape: Shape, max_channels: int, side: int) -> Shape:
    """Sides of the blocks that become one channel each, so that at most `max_channels` are left.

    `side` is `StreamOptions.pool`: the side of the blocks (of both sides, for an image), 0 (automatic) or -1
    (refuse). The automatic block of an image is the smallest sufficient of 1 x 1, 1 x 2, 2 x 2, 2 x 3, 3 x 3 and
    so on. That of plain channels is the smallest sufficient divisor of their number; if that is more than twice
    the smallest sufficient number, that number. Planes, such as polarities, are pooled apart.

    Raises:
        ValueError: if the channels do not fit and pooling is refused, the block is too small or large, or there are
            more planes than channels.
    """
    if max_channels < 1:
        raise ValueError(f"the chip has {max_channels} north wires; it needs at least 1 to hear anything")
    image = shape[-2:]  # or the plain channels
    planes = shape[:-2]
    if math.prod(planes) > max_channels:
        raise ValueError(
            f"the stream has {planes[0]} planes (polarities or cells), the chip {max_channels} north wires, and planes "
            "are not pooled together; give fewer, or build more of fabric.cols x fabric.wires"
        )
    if side > max(image):
        raise ValueError(f"stream.pool = {side}, but the stream has {_number(shape)}; give at most {max(image)}")

    def block(*sides: int) -> Shape:
        return (1,) * len(planes) + (sides * len(image))[: len(image)]

    def fits(*sides: int) -> bool:
        return math.prod(pooled(shape, block(*sides))) <= max_channels

    least = next(n for n in range(1, max(image) + 1) if fits(n))
    if side == -1 and least > 1:
        raise ValueError(
            f"the stream has {_number(shape)}, the chip {max_channels} north wires, and stream.pool = -1 "
            f"forbids pooling; set it to 0 or to {least} or more, or build more of fabric.cols x fabric.wires"
        )
    if 0 < side < least:
        left = _number(pooled(shape, block(side)))
        raise ValueError(
            f"stream.pool = {side} leaves {left} for {max_channels} north wires; set it to 0 or to {least} or more"
        )
    if side > 0 or least == 1:
        return block(max(side, 1))
    if len(image) == 2:
        return block(least - 1, least) if fits(least - 1, least) else block(least)
    exact = next(factor for factor in range(least, shape[0] + 1) if shape[0] % factor == 0)
    return (exact if exact <= 2 * least else least,)


def pooled(shape: Shape, block: Shape) -> Shape:
    """The shape after pooling; a last block that is short counts."""
    return tuple(-(-size // side) for size, side in zip(shape, block, strict=True))


def pool(x: Floats, shape: Shape, block: Shape, how: Pooling = "mean") -> Floats:
    """Blocks as one channel each, [S, T, I] -> [S, T, fewer]; the last block of a side holds what there is.

    mean: of the probabilities; or: the probability that any of the channels fires, of spikes a spike; count: the
    expected number of spikes, at most 1.
    """
    if max(block) == 1:
        return x
    whole = x.reshape(*x.shape[:2], *shape)
    if how == "or":
        whole = 1 - whole
    for axis, (size, side) in enumerate(zip(shape, block, strict=True), start=2):
        starts = np.arange(0, size, side)
        if how == "or":
            whole = np.multiply.reduceat(whole, starts, axis=axis)
            continue
        whole = np.add.reduceat(whole, starts, axis=axis)
        if how == "mean":
            counts = np.diff(np.append(starts, size)).astype(np.float32)
            over = np.expand_dims(counts, tuple(range(1, 2 + len(shape) - axis)))
            whole = np.asarray(whole / over, dtype=np.float32)
    left = whole.reshape(*x.shape[:2], -1)
    return np.minimum(1 - left if how == "or" else left, np.float32(1))


def spell(shape: Shape) -> str:
    """49, or 7 x 7."""
    return " x ".join(map(str, shape))


def _number(shape: Shape) -> str:
    """49 channels, or 49 channels (7 x 7)."""
    return f"{math.prod(shape)} channels" + (f" ({spell(shape)})" if len(shape) > 1 else "")
