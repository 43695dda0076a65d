"""Reads IDX files, the format of MNIST: a magic number, the sizes of the axes, then unsigned bytes; plain or .gz.

Magic number: 0, 0, type (8 is unsigned byte), number of axes; sizes: 32 bits each, most significant byte first.
"""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.checked import limits

BYTES = 8  # the only type that the published files of images have


def read(file: Path, axes: int, left: int | None = None) -> NDArray[np.uint8]:
    """The array of a file, which must have so many axes: 3 for images, 1 for labels.

    No more is read than the sizes announce, and these are checked before: at most ``left`` bytes, or by default what
    may come of such a file.

    Raises:
        ValueError: naming the file, if it cannot be read, is of another kind or too large, is cut off or has bytes too
            many.
    """
    start = 4 + 4 * axes
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
        with limits.reading(str(file), "download it again"):
            head = opened.read(start)
        sizes = _sizes(file, head, axes)
        announced = math.prod(sizes)
        if file.suffix != ".gz":
            _check_held(file, file.stat().st_size - start, announced)
        limits.check_size(str(file), announced, limits.allowance(file) if left is None else left)
        with limits.reading(str(file), "download it again"):
            raw = opened.read(announced + 1)
    _check_held(file, len(raw), announced)
    return np.frombuffer(raw, dtype=np.uint8).reshape(sizes)


def _sizes(file: Path, head: bytes, axes: int) -> tuple[int, ...]:
    """Sizes of the axes, from the first bytes of a file."""
    magic = bytes((0, 0, BYTES, axes))
    if head[:2] == b"\x1f\x8b":
        raise ValueError(f"{file} is compressed; add .gz to its name")
    if head[:4] != magic:
        raise ValueError(
            f"{file} begins with {head[:4].hex()}, an IDX file of {axes} axes with {magic.hex()}; is it that?"
        )
    if len(head) < 4 + 4 * axes:
        raise ValueError(f"{file} is cut off in its header; download it again")
    return tuple(int(size) for size in np.frombuffer(head, dtype=">u4", count=axes, offset=4))


def _check_held(file: Path, held: int, announced: int) -> None:
    if held != announced:
        raise ValueError(f"{file} holds {held} bytes of data and announces {announced}; download it again")
