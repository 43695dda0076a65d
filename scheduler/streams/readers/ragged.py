"""Recordings of different length: zeros at the end make them equally long. Knows no file format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def ended(x: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Recordings [S, T, I] with zeros for the NaN that some end in, and how many those are.

    Only an end is taken for one: steps in which all channels are NaN, up to the last. Other NaN stay.
    """
    silent = np.isnan(x).all(axis=2)  # [S, T]
    after = np.logical_and.accumulate(silent[:, ::-1], axis=1)[:, ::-1]
    after &= ~after.all(axis=1, keepdims=True)  # a recording of nothing but NaN has not ended: it never began
    if not after.any():
        return x, 0
    whole = x.copy()
    whole[after] = 0
    return whole, int(after.any(axis=1).sum())


def stacked(samples: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Samples as one array [S, ...]; recordings [time, channels] of different length have zeros at their end.

    Raises:
        ValueError: they differ in more than their length.
    """
    shapes = sorted({sample.shape for sample in samples})
    if len(shapes) == 1:
        return np.stack(samples)
    if any(len(shape) != 2 for shape in shapes) or len({shape[1] for shape in shapes}) > 1:
        raise ValueError(
            f"samples have different shapes, {shapes[0]} and {shapes[-1]}; give all of them the same one, or "
            "recordings [time, channels] that differ in time alone, which get zeros at their end"
        )
    longest = max(len(sample) for sample in samples)
    kind = np.result_type(*{sample.dtype for sample in samples})
    x = np.zeros((len(samples), longest, shapes[0][1]), dtype=kind)
    for whole, sample in zip(x, samples, strict=True):
        whole[: len(sample)] = sample
    return x
