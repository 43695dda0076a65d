"""Records of PhysioNet in the format WFDB: a header, signals of 16 or 12 bits, and annotations. Knows no windows.

Header (.hea), a line the record: name, number of signals, samples a second, number of samples; then a line a signal:
its file, its format (16: two bytes a sample, the lower first; 212: two samples of 12 bits in three bytes), gain with
baseline and unit, resolution, zero of the converter, and more, its name last. Annotations (.atr), in words of 16 bits:
a code [6] and a time since the one before [10]; code 59 is followed by a longer time, 63 by text. wfdb.io, WFDB 10.7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.types import Floats

SYMBOLS = ' NLRaVFJASEj/Q~ | sT*D"=pB^t+u?![]en@xf()r'  # by code
BEATS = set("NLRaVFJASEj/QB?enfr")
SKIP, NUM, SUB, CHN, AUX = 59, 60, 61, 62, 63
FORMATS = ("16", "212")
MOST_SIGNALS, MOST_TEXT = 64, 1_000_000
GAIN = 200.0  # of signals that name none
AGAIN = "download the record again"

_GAIN = re.compile(r"(?P<gain>[-+.\deE]+)?(?:\((?P<baseline>-?\d+)\))?(?:/(?P<unit>\S+))?$")


@dataclass(frozen=True)
class Signal:
    """A line of a header."""

    file: str
    format: str
    gain: float
    baseline: int
    name: str


@dataclass(frozen=True)
class Header:
    """A header."""

    path: Path
    rate: float  # samples a second
    samples: int  # 0: as many as there are
    signals: tuple[Signal, ...]


def header(path: Path) -> Header:
    """A header, read.

    Raises:
        ValueError: naming the file and line that is unfit.
    """
    with limits.reading(str(path), "give a header of WFDB (.hea)"):
        text = path.read_bytes()[:MOST_TEXT].decode()
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise ValueError(f"{path}: the header is empty; {AGAIN}")
    with limits.reading(f"{path}: its first line", "give name, signals, samples a second and number of samples"):
        name, count, *rest = lines[0]
        rate = float(rest[0].split("/")[0].split("(")[0]) if rest else 250.0
        samples, signals = int(rest[1]) if len(rest) > 1 else 0, int(count)
        if "/" in name:
            raise ValueError("records of several segments are not read")
        if not (0 < signals <= MOST_SIGNALS and 0 < rate < 1e6 and samples >= 0):
            raise ValueError(f"{signals} signals, {rate:g} samples a second, {samples} samples")
    if len(lines) < 1 + signals:
        raise ValueError(f"{path}: {signals} signals are announced and {len(lines) - 1} described; {AGAIN}")
    return Header(
        path, rate, samples, tuple(_signal(path, number, line) for number, line in enumerate(lines[1 : 1 + signals]))
    )


def _signal(path: Path, number: int, cells: list[str]) -> Signal:
    with limits.reading(f"{path}: {limits.shown(' '.join(cells))}", AGAIN):
        file, kind = cells[0], cells[1]
        gains = _GAIN.match(cells[2]) if len(cells) > 2 else None
        gain = float(gains["gain"] or GAIN) if gains else GAIN
        zero = int(cells[4]) if len(cells) > 4 else 0
        baseline = int(gains["baseline"]) if gains and gains["baseline"] else zero
        if Path(file).name != file or file in ("..", "."):
            raise ValueError("its file lies elsewhere than its header")
        if kind not in FORMATS:
            raise ValueError(f"format {limits.shown(kind)} is not read, 16 and 212 are: convert it with wfdb.wrsamp")
        return Signal(file, kind, gain or GAIN, baseline, " ".join(cells[8:]) or f"signal {number}")


def signals(head: Header) -> Floats:
    """The signals [N, C] in their units.

    Raises:
        ValueError: a file is missing, cut off or too large.
    """
    columns: list[Floats] = []
    for file in dict.fromkeys(signal.file for signal in head.signals):
        own = [signal for signal in head.signals if signal.file == file]
        if len({signal.format for signal in own}) > 1:
            raise ValueError(f"{head.path}: signals of {file} have several formats; give one")
        columns.append(_physical(head, head.path.with_name(file), own))
    shortest = min(map(len, columns))
    return np.concatenate([part[:shortest] for part in columns], axis=1)


def _physical(head: Header, path: Path, own: list[Signal]) -> Floats:
    if not path.is_file():
        raise ValueError(f"{head.path}: its signals lie in {path.name}, which is not beside it; {AGAIN}")
    size, kind = path.stat().st_size, own[0].format
    limits.check_size(str(path), 8 * size, limits.memory() // 4)
    with limits.reading(str(path), AGAIN):
        raw = np.fromfile(path, dtype=np.uint8)
    digital = _of_212(raw) if kind == "212" else raw[: len(raw) // 2 * 2].view("<i2")
    held = len(digital) // len(own)
    if not held or held < head.samples:
        raise ValueError(
            f"{path} holds {held} samples of {len(own)} signals, and {head.samples} are announced; {AGAIN}"
        )
    rows = digital[: held * len(own)].reshape(held, len(own))[: head.samples or held]
    gain, baseline = np.array([s.gain for s in own]), np.array([s.baseline for s in own])
    return np.asarray((rows - baseline) / gain, dtype=np.float32)


def _of_212(raw: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Two samples of 12 bits in three bytes: low bits of one, high bits of both, low bits of the other.

    An odd last sample takes two bytes.
    """
    single = len(raw) % 3 == 2
    whole = np.append(raw, np.uint8(0)) if single else raw[: len(raw) // 3 * 3]
    triple = whole.reshape(-1, 3).astype(np.int16)
    pair = np.stack([triple[:, 0] | (triple[:, 1] & 15) << 8, triple[:, 2] | (triple[:, 1] >> 4) << 8], axis=1)
    samples = np.asarray(np.where(pair > 2047, pair - 4096, pair), dtype=np.int16).reshape(-1)
    return samples[:-1] if single else samples


def annotated(path: Path) -> tuple[NDArray[np.int64], list[str]]:
    """Places (samples) and symbols of the annotations of a file.

    Raises:
        ValueError: it is missing, cut off or no such file.
    """
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file, and the labels lie in it; {AGAIN}")
    with limits.reading(str(path), AGAIN):
        raw = path.read_bytes()
    words = np.frombuffer(raw[: len(raw) // 2 * 2], dtype="<u2").tolist()
    places, symbols, time, at = list[int](), list[str](), 0, 0
    while at < len(words):
        code, interval = words[at] >> 10, words[at] & 1023
        at += 1
        if code == 0 and interval == 0:
            return np.array(places, dtype=np.int64), symbols
        if code == SKIP:
            if at + 2 > len(words):
                break
            longer = words[at] << 16 | words[at + 1]
            time, at = time + longer - ((longer >> 31) << 32), at + 2
        elif code == AUX:
            at += -(-interval // 2)
        elif code not in (NUM, SUB, CHN):
            if code >= len(SYMBOLS):
                raise ValueError(f"{path} holds code {code} at byte {2 * at - 2}, which is none; {AGAIN}")
            time += interval
            if time < 0:
                raise ValueError(f"{path} holds an annotation before the beginning, at byte {2 * at - 2}; {AGAIN}")
            places.append(time)
            symbols.append(SYMBOLS[code])
    raise ValueError(f"{path} ends before its annotations do; {AGAIN}")
