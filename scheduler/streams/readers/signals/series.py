"""Time series in the format .ts of sktime and the UEA archive.

Lines of comments (#) and of settings (@problemname, @classLabel true ... and so on), then @data and a line a sample:
its channels apart by colons, the values of each by commas, and last the label.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.readers.signals import windows
from smalti.scheduler.streams.readers.signals.windows import Windows
from smalti.scheduler.streams.types import Floats

AGAIN = "mend that line, or download the file again"

_PART = re.compile(r"_(train|test)\.ts$", re.IGNORECASE)


def read(path: Path) -> Windows:
    """The series of a file; or of a folder with NAME_TRAIN.ts and NAME_TEST.ts, whose parts are kept.

    Raises:
        ValueError: naming the file and line that is unfit.
    """
    if not path.is_dir():
        series, labels = _file(path)
        return _windows(str(path), series, labels, None)
    files = {match[1].lower(): file for file in sorted(path.glob("*.ts")) if (match := _PART.search(file.name))}
    if set(files) != {"train", "test"} or len(list(path.glob("*.ts"))) != len(files):
        raise ValueError(f"{path}: give a folder with one NAME_TRAIN.ts and one NAME_TEST.ts, or a single file")
    read = {part: _file(files[part]) for part in ("train", "test")}
    part = np.repeat(list(read), [len(labels) for _, labels in read.values()])
    every = [one for series, _ in read.values() for one in series]
    return _windows(str(path), every, [label for _, labels in read.values() for label in labels], part)


def _windows(origin: str, series: list[Floats], labels: list[str], part: np.ndarray | None) -> Windows:
    channels = {one.shape[1] for one in series}
    if len(channels) > 1:
        raise ValueError(f"{origin}: series have {min(channels)} and {max(channels)} channels; give all the same")
    x, short = windows.stacked(origin, series)
    notes = (f"{short} series that are shorter are held at their last value",) if short else ()
    names = tuple(f"channel {k}" for k in range(x.shape[2]))
    return Windows(x, np.array(labels, dtype=np.str_), names, part=part, notes=notes)


def _file(path: Path) -> tuple[list[Floats], list[str]]:
    limits.check_size(str(path), 4 * path.stat().st_size, limits.memory() // 4)
    with limits.reading(str(path), "give a text in UTF-8"):
        lines = path.read_text(encoding="utf-8").splitlines()
    begin = next((k for k, line in enumerate(lines) if line.strip().lower() == "@data"), None)
    if begin is None:
        raise ValueError(f"{path}: there is no line @data; give a file .ts of sktime")
    for line in lines[:begin]:
        words = line.lower().split()
        if words[:2] == ["@timestamps", "true"] or words[:2] == ["@classlabel", "false"]:
            raise ValueError(f"{path}: {limits.shown(line)}: series with labels and without times are read")
    rows = [(number, line) for number, line in enumerate(lines, 1) if number > begin + 1 and line.strip()]
    if not rows:
        raise ValueError(f"{path}: there is no sample below @data; {AGAIN}")
    found = [_sample(f"{path}, line {number}", line) for number, line in rows]
    return [series for series, _ in found], [label for _, label in found]


def _sample(where: str, line: str) -> tuple[Floats, str]:
    *channels, label = line.split(":")
    if not channels or not label.strip():
        raise ValueError(f"{where}: there is no label behind a last colon; {AGAIN}")
    with limits.reading(where, AGAIN):
        rows = [[float("nan") if cell.strip() == "?" else float(cell) for cell in one.split(",")] for one in channels]
    if len({len(row) for row in rows}) > 1:
        raise ValueError(f"{where}: channels have {len(rows[0])} and other numbers of values; {AGAIN}")
    series = _filled(np.array(rows, dtype=np.float64).T)
    windows.check_finite(where, [f"channel {k}" for k in range(len(rows))], series)
    return series.astype(np.float32), label.strip()


def _filled(series: np.ndarray) -> np.ndarray:
    """Missing values as the last one before them; those at the beginning as the first that there is."""
    for column in series.T:
        known = np.flatnonzero(~np.isnan(column))
        if len(known):
            at = np.maximum(np.searchsorted(known, np.arange(len(column)), side="right") - 1, 0)
            column[:] = column[known[at]]
    return series
