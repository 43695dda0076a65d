"""Recordings in the European Data Format (EDF and EDF+), with their annotations. Knows no windows.

B. Kemp and others 1992, EDF+ 2003 (edfplus.info): a header of 256 bytes of text and 256 more a signal, then records of
16-bit numbers, the lower byte first. In EDF+ a signal called EDF Annotations holds text: onset in seconds, byte 20,
what was noted, bytes 20 and 0.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from smalti.scheduler.streams import limits
from smalti.scheduler.streams.types import Floats

HEAD, NOTES = 256, "EDF Annotations"
MOST_SIGNALS = 512
WIDTHS = {
    "label": 16,
    "transducer": 80,
    "unit": 8,
    "low": 8,
    "high": 8,
    "least": 8,
    "most": 8,
    "filter": 80,
    "count": 8,
}
AGAIN = "download it again"

_NOTE = re.compile(rb"([+-]\d+(?:\.\d*)?)(?:\x15[\d.]*)?\x14([^\x00]+)\x14\x00")


def read(path: Path, wanted: tuple[str, ...]) -> tuple[Floats, tuple[str, ...], float, list[tuple[float, str]]]:
    """Signals [N, C] in their units, their names, samples a second, and annotations: seconds and what was noted.

    Args:
        path: the file.
        wanted: names of signals; empty: all.

    Raises:
        ValueError: naming what is unfit in the file.
    """
    limits.check_size(str(path), 4 * path.stat().st_size, limits.memory() // 4)
    with limits.reading(str(path), AGAIN):
        content = path.read_bytes()
    if content[:8] != b"0       ":
        raise ValueError(f"{path}: this is no EDF file, which begins with a 0 and seven spaces (BDF is another)")
    with limits.reading(f"{path}: its header", AGAIN):
        records, seconds, count = int(content[236:244]), float(content[244:252]), int(content[252:256])
        if not (0 < count <= MOST_SIGNALS and 0 < seconds < 1e6):
            raise ValueError(f"{count} signals, records of {seconds:g} s")
        start, fields = HEAD, dict[str, list[str]]()
        for name, width in WIDTHS.items():
            cells = [content[start + k * width : start + (k + 1) * width] for k in range(count)]
            fields[name], start = [cell.decode("latin-1").strip() for cell in cells], start + count * width
        counts = [int(cell) for cell in fields["count"]]
        if min(counts) < 1:
            raise ValueError("a signal has no samples")
    names = fields["label"]
    for name in wanted:
        if name not in names:
            raise ValueError(f"{path}: there is no signal {name!r} (there are {', '.join(names)})")
    taken = [k for k, name in enumerate(names) if name != NOTES and (not wanted or name in wanted)]
    if not taken:
        raise ValueError(f"{path}: there is no signal beside annotations; give a recording")
    if len({counts[k] for k in taken}) > 1:
        several = ", ".join(f"{names[k]} {counts[k] / seconds:g}" for k in taken)
        raise ValueError(f"{path}: signals are sampled differently ({several} a second); set stream.signals.channels")
    begin, size = HEAD * (1 + count), sum(counts)
    held = (len(content) - begin) // (2 * size)
    if held < max(records, 1):
        raise ValueError(f"{path} holds {max(held, 0)} records and announces {records}; {AGAIN}")
    whole = np.frombuffer(content, "<i2", count=held * size, offset=begin).reshape(held, size)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    columns = [_physical(path, fields, k, whole[:, offsets[k] : offsets[k + 1]]) for k in taken]
    notes: list[tuple[float, str]] = []
    for k, name in enumerate(names):
        if name == NOTES:
            for record in whole[:, offsets[k] : offsets[k + 1]]:
                notes += [(float(onset), _text(text)) for onset, text in _NOTE.findall(record.tobytes())]
    return np.stack(columns, axis=1), tuple(names[k] for k in taken), counts[taken[0]] / seconds, notes


def _physical(path: Path, fields: dict[str, list[str]], k: int, digital: np.ndarray) -> Floats:
    with limits.reading(f"{path}: signal {fields['label'][k]}", AGAIN):
        low, high, least, most = (float(fields[name][k]) for name in ("low", "high", "least", "most"))
        if not (np.isfinite([low, high, least, most]).all() and most > least):
            raise ValueError(f"its range is {least:g} to {most:g}")
    return np.asarray(low + (digital.reshape(-1) - least) * ((high - low) / (most - least)), dtype=np.float32)


def _text(raw: bytes) -> str:
    return raw.split(b"\x14")[0].decode("utf-8", "replace").strip()
