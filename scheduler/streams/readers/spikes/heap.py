"""Whether lists of different length lie in an HDF5 file where its datasets say. Knows no layout.

HDF5 Specification 3.0, III.E: a global heap is "GCOL", version 1, three zeros and its size [8], then objects: number
[2], references [2], four zeros, size [8], content up to a multiple of 8. Object 0 is what is free, its size with these
16 bytes. An entry of a dataset of lists is a length [4], the address of a heap [8] and the number of an object [4]. The
library goes round for ever in a heap whose free part has size 0, takes the memory that an entry claims, and reads past
the end of an object; so damage is looked for before.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Any

import numpy as np

BEGIN = b"GCOL\x01\0\0\0"
HEAD = 16  # bytes of a heap's beginning, and of an object's
ENTRY = np.dtype([("length", "<u4"), ("address", "<u8"), ("number", "<u4")])

Objects = dict[tuple[int, int], int]  # (address of a heap, number) -> bytes


def objects(path: Path) -> Objects:
    """Sizes of the objects of all heaps.

    Raises:
        ValueError: a heap ends elsewhere than it says.
    """
    found: Objects = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content.find(BEGIN)
        while start >= 0:
            end, sizes = _walk(content, start)
            found |= {(start, number): size for number, size in sizes.items()}
            start = content.find(BEGIN, end)
    return found


def check(path: Path, dataset: Any, size: int, found: Objects) -> None:
    """Whether the lists of a dataset, of values of so many bytes, are objects of the heaps.

    Raises:
        ValueError: one is not, or is longer.
    """
    low = dataset.id
    if dataset.chunks is None:
        places = [(low.get_offset(), len(dataset) * ENTRY.itemsize)]
    elif low.get_create_plist().get_nfilters() == 0:
        chunks = (low.get_chunk_info(k) for k in range(low.get_num_chunks()))
        places = [(chunk.byte_offset, chunk.size) for chunk in chunks]
    else:
        return  # what is compressed is checked when it is unpacked
    for offset, length in places:
        if offset is not None:
            entries = np.fromfile(path, ENTRY, count=length // ENTRY.itemsize, offset=offset)
            for claimed, address, number in entries.tolist():
                if claimed and claimed * size > found.get((address, number), -1):
                    raise ValueError(f"one of {dataset.name} is damaged")


def _walk(content: mmap.mmap, start: int) -> tuple[int, dict[int, int]]:
    """Where a heap ends, and the size of every object in it."""
    broken = f"a heap is damaged at byte {start:,}"
    if start + HEAD > len(content):
        raise ValueError(broken)
    end = start + struct.unpack_from("<Q", content, start + 8)[0]
    if not start + HEAD <= end <= len(content):
        raise ValueError(broken)
    place, sizes = start + HEAD, dict[int, int]()
    while place + HEAD <= end:
        number, size = struct.unpack_from("<H6xQ", content, place)
        if number == 0 and size < HEAD:
            raise ValueError(broken)
        place += size if number == 0 else HEAD + -(-size // 8) * 8
        if place > end:
            raise ValueError(broken)
        sizes[number] = size
    return end, sizes
