"""Recordings in the European Data Format (EDF and EDF+), with their annotations. Knows no windows.

B. Kemp and others 1992, EDF+ 2003 (edfplus.info): a header of 256 bytes of text and 256 more a signal, then records of
16-bit numbers, the lower byte first. In EDF+ a signal called EDF Annotations holds lists: onset in seconds, if you like
byte 21 and a duration, byte 20, then what was noted, each followed by byte 20, and byte 0. The first list of a record
begins with a note that is empty: its onset is that of the record. EDF+D, whose records have gaps, is not read.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from smalti.scheduler.streams.checked import limits
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

_LIST = re.compile(rb"([+-]\d+(?:\.\d*)?)(?:\x15[\d.]*)?\x14([^\x00]*)\x14\x00")


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
    if content[192:197] == b"EDF+D":
        raise ValueError(
            f"{path}: its records have gaps between them (EDF+D); write it as EDF+C, a file for each piece"
        )
    with limits.reading(f"{path}: its header", AGAIN):
        records, seconds, count = int(content[236:244]), float(content[244:252]), int(content[252:256])
        if not (0 < count <= MOST_SIGNALS and 0 < seconds < 1e6):
            raise ValueError(f"{count} signals, records of {seconds:g} s")
        place, fields = HEAD, dict[str, list[str]]()
        for name, width in WIDTHS.items():
            cells = [content[place + k * width : place + (k + 1) * width] for k in range(count)]
            fields[name], place = [cell.decode("latin-1").strip() for cell in cells], place + count * width
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
    noted: list[np.ndarray] = [whole[:, offsets[k] : offsets[k + 1]] for k, name in enumerate(names) if name == NOTES]
    start = _start(noted)
    notes = [(onset - start, text) for signal in noted for onset, text in _notes(signal)]
    return np.stack(columns, axis=1), tuple(names[k] for k in taken), counts[taken[0]] / seconds, notes


def _physical(path: Path, fields: dict[str, list[str]], k: int, digital: np.ndarray) -> Floats:
    with limits.reading(f"{path}: signal {fields['label'][k]}", AGAIN):
        low, high, least, most = (float(fields[name][k]) for name in ("low", "high", "least", "most"))
        if not (np.isfinite([low, high, least, most]).all() and most > least):
            raise ValueError(f"its range is {least:g} to {most:g}")
    return np.asarray(low + (digital.reshape(-1) - least) * ((high - low) / (most - least)), dtype=np.float32)


def _lists(record: np.ndarray) -> list[tuple[float, list[str]]]:
    """Onsets, in seconds, and notes of the lists in one record of a signal of annotations."""
    found = _LIST.findall(record.tobytes())
    return [(float(onset), [_text(note) for note in notes.split(b"\x14")]) for onset, notes in found]


def _notes(signal: np.ndarray) -> list[tuple[float, str]]:
    """Onsets and notes of a signal of annotations [records, numbers], without those that are empty."""
    return [(onset, text) for record in signal for onset, texts in _lists(record) for text in texts if text]


def _start(signals: list[np.ndarray]) -> float:
    """Onset of the first record, where it says one; what is noted counts from the same moment, seconds."""
    lists = _lists(signals[0][0]) if signals else []
    return lists[0][0] if lists and not lists[0][1][0] else 0.0


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").strip()
