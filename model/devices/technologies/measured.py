"""Devices that somebody measured: the standard deviation of the programming error against the conductance, from a CSV.

    conductance,sigma,read
    0.5,0.31,0.02
    10,0.84,0.05

All are in uS; ``read``, the standard deviation of a reading, may be left out. Between the rows values are linear in the
conductance, and the first and the last row are the range. Conductances are not negative; there is no drift.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from smalti.model.devices.options import DevicesOptions

NEEDED, OPTIONAL = ("conductance", "sigma"), ("read",)
LONGEST = 100_000  # rows of a file


@dataclass(frozen=True)
class Measured:
    """Curves between measured points, which ascend."""

    points: tuple[float, ...]  # conductances
    sigma: tuple[float, ...]
    read: tuple[float, ...] | None
    exact: bool = False

    @property
    def lowest(self) -> float:
        """Where the measurement begins."""
        return self.points[0]

    @property
    def highest(self) -> float:
        """Where it ends."""
        return self.points[-1]

    @staticmethod
    def of(options: DevicesOptions) -> Measured:
        """From the file of ``devices.measured``.

        Raises:
            ValueError: it cannot be read, or is not whole.
        """
        return read_curve(Path(options.measured))

    def programmed(self, target: Tensor, largest: Tensor, draw: Tensor) -> Tensor:
        """With the measured error."""
        return (target + draw * interpolated(target, self.points, self.sigma)).clamp_(min=0)

    def drifted(self, target: Tensor, programmed: Tensor, age: Tensor, draw: Tensor) -> Tensor:
        """As programmed."""
        return programmed

    def reading(self, conductance: Tensor, age: Tensor) -> Tensor | None:
        """The measured noise, if it was measured."""
        return None if self.read is None else interpolated(conductance, self.points, self.read)


def interpolated(x: Tensor, points: Sequence[float], values: Sequence[float]) -> Tensor:
    """Linear between points, and the first and the last value beyond."""
    at, value = (x.new_tensor(numbers) for numbers in (points, values))
    right = torch.searchsorted(at, x.contiguous()).clamp(1, len(points) - 1)
    share = ((x - at[right - 1]) / (at[right] - at[right - 1])).clamp(0, 1)
    return value[right - 1] + share * (value[right] - value[right - 1])


def read_curve(path: Path) -> Measured:
    """The content of a file.

    Raises:
        ValueError: it cannot be read, lacks a column or a value, or its conductances do not ascend; with the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [(number, row) for number, row in enumerate(csv.reader(file), 1) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(f"devices.measured = {str(path)!r} cannot be read: {error}") from error
    header = [name.strip() for name in lines[0][1]] if lines else []
    if not set(NEEDED) <= set(header) <= {*NEEDED, *OPTIONAL} or len(set(header)) < len(header):
        raise ValueError(
            f"{path} has the columns {', '.join(header) or 'none'}: give conductance,sigma or conductance,sigma,read "
            "in its first line"
        )
    if not 3 <= len(lines) <= LONGEST:
        raise ValueError(f"{path} has {len(lines) - 1} rows: give 2 to {LONGEST - 1:,}, for the ends of the range")
    columns: dict[str, list[float]] = {name: [] for name in header}
    for number, row in lines[1:]:
        if len(row) != len(header):
            raise ValueError(
                f"{path} has {len(row)} values in line {number}, and {len(header)} columns: fill the holes"
            )
        for name, text in zip(header, row, strict=True):
            columns[name].append(_value(path, number, name, text))
    points = columns["conductance"]
    for number, (before, after) in enumerate(pairwise(points), 3):
        if after <= before:
            raise ValueError(
                f"{path} has {after} uS after {before} uS (row {number}): sort it by conductance, each once"
            )
    read = columns.get("read")
    return Measured(tuple(points), tuple(columns["sigma"]), None if read is None else tuple(read))


def _value(path: Path, line: int, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1e9:
        raise ValueError(
            f"{path} has {text.strip()!r} for {name} in line {line}: give a number of uS, 0 or more, or leave the "
            "whole line out"
        )
    return value
