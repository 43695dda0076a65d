"""Reads named arrays from a user's .npz file. Never unpickles anything; knows nothing of what they mean.

What an array claims to hold (its shape and type, against what its place in the zip declares) is checked before it is
read.
"""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.faults import Faults

HEADER = 10_000  # most bytes of the description of an array, as numpy has it
ENCRYPTED = 1  # bit of a zip's flags
HDF5 = b"\x89HDF\r\n\x1a\n"
MOST_NAMED = 10  # arrays named in a message

Arrays = dict[str, NDArray[Any]]


def read(
    path: str, required: tuple[str, ...], optional: tuple[str, ...], how: str, trusted: bool = False
) -> tuple[Arrays, list[str]]:
    """The arrays of these names that the file holds, and the names of its others.

    Args:
        path: the file.
        required: arrays that must be there.
        optional: arrays that may be.
        how: how such a file is written, for error messages.
        trusted: it was written by a run, and may become as large as it was then.

    Raises:
        ValueError: naming the file and the array, if it is missing, cannot be read or is too large.
    """
    again = "write it anew with numpy.savez"
    with limits.reading(path, again), open(path, "rb") as file:
        begin = file.read(len(HDF5))
        zipped = zipfile.is_zipfile(file)
    if not zipped:
        hint = (
            "; of spike trains or events in HDF5, smalti.data.spike_trains and smalti.data.events make data in memory"
        )
        raise ValueError(f"{path}: this is no .npz file; write one with {how}{hint if begin == HDF5 else ''}")
    with limits.reading(f"{path}:", again):
        archive = zipfile.ZipFile(path)
    arrays: Arrays = {}
    with archive:
        entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        others = _named([key for key in entries if key not in (*required, *optional)])
        left, faults = limits.memory() if trusted else limits.allowance(path), Faults(path)
        for key in (*required, *optional):
            with faults.during():
                if key in entries:
                    arrays[key] = _array(path, key, archive, entries[key], left)
                    left -= arrays[key].nbytes
                elif key in required:
                    held = ", ".join(_named(list(entries))) or "nothing"
                    raise ValueError(f"{path}: there is no array {key}; write it with {how} (the file holds {held})")
        faults.tell()
    return arrays, others


def _named(keys: list[str]) -> list[str]:
    """Names of arrays for a message, the first few."""
    more = len(keys) - MOST_NAMED
    return [*map(limits.shown, keys[:MOST_NAMED]), *([f"and {more} more"] if more > 0 else [])]


def _array(path: str, key: str, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int) -> NDArray[Any]:
    """One array of the zip, of at most ``left`` bytes."""
    if entry.flag_bits & ENCRYPTED:
        raise ValueError(f"{path}: {key} is encrypted; write the file anew with numpy.savez")
    if entry.compress_type not in limits.ZIPPED:
        raise ValueError(
            f"{path}: {key} is compressed by method {entry.compress_type}, which numpy does not write; write the file "
            "anew with numpy.savez or numpy.savez_compressed"
        )
    limits.check_size(f"{path}: {key}", entry.file_size, left)
    cure = "give plain numbers or strings, written with numpy.savez"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's about the headers of old versions
        with limits.reading(f"{path}: {key}", cure), archive.open(entry) as file:
            shape, dtype = header(file.read(HEADER + 12))
        _check_claim(path, key, shape, dtype, entry.file_size, left)
        with limits.reading(f"{path}: {key}", cure), archive.open(entry) as file:
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def header(begin: bytes) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type that an array claims, from its first bytes.

    Raises:
        ValueError: there is no such description, or it is longer than ``HEADER``.
    """
    file = io.BytesIO(begin)
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"it is of version {version}; 1.0 and 2.0 hold plain numbers and strings")
    of_version = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, _, dtype = of_version[version](file, max_header_size=HEADER)
    return shape, dtype


def _check_claim(path: str, key: str, shape: tuple[int, ...], dtype: np.dtype[Any], held: int, left: int) -> None:
    """Whether an array is plain, and may and can have its shape."""
    if dtype.hasobject:
        raise ValueError(
            f"{path}: {key} is an array of Python objects, which only pickle reads, and that is refused: give plain "
            "numbers or strings; recordings of different length are padded with zeros to one by "
            "pathlib.Path(file).write_bytes(smalti.data.arrays(recordings, y).dump())"
        )
    size = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or size > held:
        raise ValueError(
            f"{path}: {key} claims shape {limits.shown(str(shape))} of {limits.shown(str(dtype))}, "
            f"{limits.spell_bytes(size)}, but the file has {limits.spell_bytes(held)} of it; write it anew with "
            "numpy.savez"
        )
    single = math.prod(shape) * max(dtype.itemsize, np.dtype(np.float32).itemsize)  # what numbers become
    limits.check_size(f"{path}: {key}", single, limits.memory() // 2)
    limits.check_size(f"{path}: {key}", size, left)
