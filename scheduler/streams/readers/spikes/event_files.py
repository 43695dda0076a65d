"""Files of event cameras: what happened when, at which pixel, brighter or darker. Knows nothing of labels and steps.

- `.bin` of N-MNIST and N-Caltech101 (G. Orchard and others, Front. Neurosci. 2015): 40 bits an event: x [8], y [8],
  polarity [1], microseconds [23], the most significant byte first. Row 240 is no pixel: such an event says that the
  time has begun again, and later ones come 2^13 microseconds later than they say.
- `.aedat` of version 3.1 (inivation.com, as DVS-Gesture is published): lines that begin with #, then packets of a head
  of 28 bytes and room for as many events as it says, of which the first are there; polarity events (type 1) have 8
  bytes: validity [1], polarity [1], y [15], x [15] from the lowest bit on, then microseconds [31].
- `.npy`: a structured array with fields t, x, y, p, as Tonic has them (t may be called ts or timestamp, p polarity).
- `.h5`, `.hdf5`: as ``hdf5_events`` says.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.readers import npz
from smalti.scheduler.streams.readers.spikes import hdf5_events
from smalti.scheduler.streams.types import Ints

ENDINGS = (".bin", ".aedat", ".npy", ".h5", ".hdf5")
VERSION = b"#!AER-DAT3.1"
HEAD = np.dtype(
    [
        *(("type", "<u2"), ("source", "<u2")),
        *((name, "<u4") for name in ("size", "offset", "overflow", "capacity", "number", "valid")),
    ]
)
AGAIN_ROW, LAP = 240, 2**13  # of .bin: the row that no pixel has, and microseconds
POLARITY = np.dtype([("data", "<u4"), ("time", "<u4")])
NAMES = {"t": ("t", "ts", "timestamp"), "x": ("x",), "y": ("y",), "p": ("p", "polarity", "pol")}
WIDEST = 2**15  # pixels
AGAIN = "download it again, or leave it out"


@dataclass(frozen=True, eq=False)
class Events:
    """The events of a recording."""

    t: Ints  # [E] microseconds
    x: Ints  # [E] columns, from 0 on
    y: Ints  # [E] rows
    p: Ints  # [E] 1 brighter, 0 darker

    def __len__(self) -> int:
        """Number of events."""
        return len(self.t)

    def between(self, first: int, end: int) -> Events:
        """Those from one time on, to before another."""
        rows = (self.t >= first) & (self.t < end)
        return Events(self.t[rows], self.x[rows], self.y[rows], self.p[rows])


def decode(file: str, name: str, content: bytes) -> Events:
    """The events of a file by its ending; of all but HDF5.

    Args:
        file: what error messages begin with.
        name: the file's name.
        content: of the file.

    Raises:
        ValueError: it is cut off, of another version or kind, or holds no events or impossible ones.
    """
    if name.lower().endswith((".h5", ".hdf5")):
        raise ValueError(f"{file}: HDF5 files are not read from a zip; unpack it first")
    if name.lower().endswith(".bin"):
        return _checked(file, _of_bin(file, content))
    if name.lower().endswith(".aedat"):
        return _checked(file, _of_aedat(file, content))
    return _checked(file, _of_npy(file, content))


def decode_hdf5(path: Path) -> Events:
    """The events of an HDF5 file.

    Raises:
        ValueError: as ``decode``.
    """
    known = frozenset(name for names in NAMES.values() for name in names)
    return _checked(str(path), _of_fields(str(path), hdf5_events.columns(path, known)))


def _of_bin(file: str, content: bytes) -> dict[str, NDArray[Any]]:
    if len(content) % 5:
        raise ValueError(f"{file} has {len(content):,} bytes, no whole number of 5-byte events; {AGAIN}")
    x, y, *late = np.frombuffer(content, dtype=np.uint8).reshape(-1, 5).T
    time = late[2].astype(np.int64)
    for byte, bits in ((late[0] & 127, 16), (late[1], 8)):
        time |= byte.astype(np.int64) << bits
    again = y == AGAIN_ROW
    if not again.any():
        return {"t": time, "x": x, "y": y, "p": late[0] >> 7}
    time += np.cumsum(again) * LAP
    kept = ~again
    return {"t": time[kept], "x": x[kept], "y": y[kept], "p": late[0][kept] >> 7}


def _of_aedat(file: str, content: bytes) -> dict[str, NDArray[Any]]:
    if not content.startswith(VERSION):
        begin = content[: len(VERSION)].decode("latin-1")
        raise ValueError(f"{file} begins with {limits.shown(begin)!r}, and {VERSION.decode()} is read; convert it")
    place = 0
    while content[place : place + 1] == b"#":
        line = content.find(b"\n", place)
        if line < 0:
            raise ValueError(f"{file} ends within its header; {AGAIN}")
        place = line + 1
    parts: list[NDArray[Any]] = []
    while place < len(content):
        if place + HEAD.itemsize > len(content):
            raise ValueError(f"{file} ends within a packet, at byte {place:,}; {AGAIN}")
        head = np.frombuffer(content, HEAD, count=1, offset=place)[0]
        place += HEAD.itemsize
        size, number, capacity = int(head["size"]), int(head["number"]), int(head["capacity"])
        if number > capacity:
            raise ValueError(
                f"{file} has a packet of {number:,} events, and room for {capacity:,}, at byte {place:,}; {AGAIN}"
            )
        if place + size * capacity > len(content) or not size:
            raise ValueError(f"{file} ends within a packet, at byte {place:,}; {AGAIN}")
        if head["type"] == 1:
            if size != POLARITY.itemsize:
                raise ValueError(f"{file} has polarity events of {size} bytes at byte {place:,}, not 8; {AGAIN}")
            event = np.frombuffer(content, POLARITY, count=number, offset=place)
            time = event["time"].astype(np.int64) + (int(head["overflow"]) << 31)
            parts.append(np.stack([time, event["data"].astype(np.int64)], axis=1)[(event["data"] & 1) == 1])
        place += size * capacity
    whole = np.concatenate(parts) if parts else np.empty((0, 2), dtype=np.int64)
    data = whole[:, 1]
    return {"t": whole[:, 0], "x": data >> 17, "y": (data >> 2) & (WIDEST - 1), "p": (data >> 1) & 1}


def _of_npy(file: str, content: bytes) -> dict[str, NDArray[Any]]:
    with limits.reading(file, "write it with numpy.save, as a structured array with t, x, y, p"):
        shape, dtype = npz.header(content[: npz.HEADER + 12])
        if dtype.hasobject:
            raise ValueError("it holds Python objects, which only pickle reads")
        if len(shape) != 1 or not dtype.names:
            raise ValueError(f"it has shape {shape} of {limits.shown(str(dtype))}")
        if shape[0] * dtype.itemsize > len(content):
            raise ValueError("it is cut off")
        array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return _of_fields(file, {name: array[name] for name in dtype.names})


def _of_fields(file: str, held: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The four columns, under whatever name they are known; without p all are brighter."""
    found: dict[str, NDArray[Any]] = {}
    for key, names in NAMES.items():
        values = next((np.asarray(held[name]) for name in names if name in held), None)
        if values is None and key != "p":
            raise ValueError(f"{file}: the events lack {key} (they have {', '.join(held)}); give t, x, y, p")
        found[key] = np.ones(len(found["t"])) if values is None else values
    return found


def _checked(file: str, columns: dict[str, NDArray[Any]]) -> Events:
    """Events of columns that are possible."""
    if len({values.shape for values in columns.values()}) > 1 or columns["t"].ndim != 1:
        raise ValueError(f"{file}: t, x, y and p have different lengths; {AGAIN}")
    if not len(columns["t"]):
        raise ValueError(f"{file} holds no events; leave it out")
    for name, values in columns.items():
        if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
            raise ValueError(f"{file}: {name} of events holds what is no number; {AGAIN}")
        if float(values.min()) < (-1 if name == "p" else 0):
            raise ValueError(f"{file}: {name} of an event is {values.min()}; give numbers from 0 on")
        if name in "xy" and float(values.max()) >= WIDEST:
            raise ValueError(f"{file}: {name} of an event is {values.max()}; no sensor has {WIDEST:,} pixels in a row")
        if name == "t" and float(values.max()) >= 2**62:
            raise ValueError(f"{file}: t of an event is {values.max()}; give microseconds")
    columns["p"] = columns["p"] > 0
    return Events(**{name: values.astype(np.int64) for name, values in columns.items()})
