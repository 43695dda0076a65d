"""Event files as TensorBoard reads them, written without it: TFRecords of Event messages.

A record is the length of a message (8 bytes), a checksum of these, the message, and a checksum of that. Checksums are
CRC-32C, masked. Of the message Event (event.proto, summary.proto) four fields are used: wall_time (1), step (2),
file_version (3), and summary (5), a list of values (1) with a tag (1) and a simple_value (2).
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path

from smalti.scheduler.records.folder import RunFolder

VERSION = b"brain.Event:2"
POLYNOMIAL = 0x82F63B78  # of CRC-32C, mirrored
MASK = 0xA282EAD8
DOUBLE, VARINT, FLOAT, BYTES = 1, 0, 5, 2  # wire types


class TensorBoard:
    """RUN/logs/tensorboard: one event file, begun anew from the tables whenever the run goes on."""

    def __init__(self, folder: RunFolder, place: Path) -> None:
        home = place / "tensorboard"
        home.mkdir(parents=True, exist_ok=True)
        for old in home.glob("events.out.tfevents.*"):
            old.unlink()
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.0"
        self.file = open(home / name, "wb")  # noqa: SIM115  # closed by ``end``
        self._write(_field(3, BYTES, _length(VERSION)))

    def add(self, number: int, values: Mapping[str, float]) -> None:
        """Write the numbers of a round, each under ``rounds/NAME``."""
        summary = b"".join(_value(f"rounds/{name}", value) for name, value in values.items())
        self._write(_field(2, VARINT, _varint(number)) + _field(5, BYTES, _length(summary)))
        self.file.flush()

    def end(self) -> None:
        """Close the file."""
        self.file.close()

    def _write(self, event: bytes) -> None:
        message = _field(1, DOUBLE, struct.pack("<d", time.time())) + event
        head = struct.pack("<Q", len(message))
        self.file.write(head + _masked(head) + message + _masked(message))


def _value(tag: str, value: float) -> bytes:
    inside = _field(1, BYTES, _length(tag.encode())) + _field(2, FLOAT, struct.pack("<f", value))
    return _field(1, BYTES, _length(inside))


def _field(number: int, kind: int, content: bytes) -> bytes:
    return bytes([number << 3 | kind]) + content


def _length(content: bytes) -> bytes:
    return _varint(len(content)) + content


def _varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


TABLE = _table()


def crc32c(data: bytes) -> int:
    """The checksum of Castagnoli."""
    value = 0xFFFFFFFF
    for byte in data:
        value = TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    value = crc32c(data)
    return struct.pack("<I", ((value >> 15 | value << 17) + MASK) & 0xFFFFFFFF)
