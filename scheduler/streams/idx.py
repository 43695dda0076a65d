"""Reads IDX files, the format of MNIST: a magic number, the sizes of the axes, then unsigned bytes; plain or .gz.

Magic number: 0, 0, type (8 is unsigned byte), number of axes; sizes: 32 bits each, most significant byte first.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BYTES = 8  # the only type that the published files of images have


def read(file: Path, axes: int) -> NDArray[np.uint8]:
    """The array of a file, which must have so many axes: 3 for images, 1 for labels.

    Raises:
        ValueError: naming the file, if it cannot be read, is of another kind, is cut off or has bytes too many.
    """
    try:
        raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{file} cannot be read ({error}); download it again") from error
    magic, start = bytes((0, 0, BYTES, axes)), 4 + 4 * axes
    if raw[:2] == b"\x1f\x8b":
        raise ValueError(f"{file} is compressed; add .gz to its name")
    if raw[:4] != magic:
        raise ValueError(
            f"{file} begins with {raw[:4].hex()}, an IDX file of {axes} axes with {magic.hex()}; is it that?"
        )
    if len(raw) < start:
        raise ValueError(f"{file} is cut off in its header; download it again")
    sizes = tuple(int(size) for size in np.frombuffer(raw, dtype=">u4", count=axes, offset=4))
    held, announced = len(raw) - start, math.prod(sizes)
    if held != announced:
        raise ValueError(f"{file} holds {held} bytes of data and announces {announced}; download it again")
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(sizes)
