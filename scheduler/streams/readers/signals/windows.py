"""Pieces of signals with a label each: what readers of signals hand over. Knows no file format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.types import Floats


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one length."""

    x: Floats  # [S, time, C]
    labels: NDArray[np.str_]  # [S]
    channels: tuple[str, ...]  # names, C
    rate: float = 0.0  # Hz; 0: not known
    part: NDArray[np.str_] | None = None  # [S]
    record: NDArray[np.str_] | None = None  # [S] where they come from
    notes: tuple[str, ...] = ()


def around(signal: Floats, places: NDArray[np.int64], before: int, after: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Windows [S, before + after, C] of a signal [N, C] around places, and which of them [P] lie wholly in it."""
    whole = (places >= before) & (places + after <= len(signal))
    rows = (places[whole] - before)[:, None] + np.arange(before + after)
    return signal[rows], whole


def sliding(signal: Floats, labels: NDArray[np.str_], length: int, stride: int) -> tuple[Floats, NDArray[np.str_]]:
    """Windows [S, length, C] of a signal [N, C], one every ``stride`` rows, each with its most frequent label."""
    starts = np.arange(0, len(signal) - length + 1, stride)
    names, codes = np.unique(labels, return_inverse=True)
    found = [names[np.bincount(codes[start : start + length]).argmax()] for start in starts]
    return signal[starts[:, None] + np.arange(length)], np.array(found, dtype=np.str_)


def stacked(origin: str, series: Sequence[Floats]) -> tuple[Floats, int]:
    """Series [time, C] as one array, shorter ones held at their last value, and how many those are.

    Raises:
        ValueError: they would take too much memory.
    """
    longest, channels = max(map(len, series)), series[0].shape[1]
    limits.check_size(origin, 4 * len(series) * longest * channels, limits.memory() // 4)
    x = np.empty((len(series), longest, channels), dtype=np.float32)
    for row, one in zip(x, series, strict=True):
        row[: len(one)], row[len(one) :] = one, one[-1]
    return x, sum(len(one) < longest for one in series)


def check_finite(origin: str, names: Sequence[str], signal: NDArray[np.floating]) -> None:
    """Whether a signal [N, C] holds numbers alone.

    Raises:
        ValueError: naming the first channel and row that is none.
    """
    most = np.finfo(np.float32).max
    odd = np.argwhere(~(np.abs(signal) < most))
    if len(odd):
        row, channel = odd[0]
        value = signal[row, channel]
        beyond = "" if np.isnan(value) else f", and numbers may be from {-most:.2g} to {most:.2g}"
        raise ValueError(
            f"{origin}: {names[channel]} holds {value} in row {row + 1}{beyond}; fill it in or leave the row out"
        )
