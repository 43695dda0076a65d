"""Classes and tasks as users write them: whole numbers, names, or rows with a single one. Knows no file format."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.types import Ints

TEXT = "utf-8"


def of_samples(path: str, key: str, values: NDArray[Any]) -> NDArray[Any]:
    """One label a sample [S]: integers (of any size, then as objects) or strings.

    Taken are [S] or [S, 1] integers, floats without a fraction, booleans or strings, and one-hot rows [S, classes],
    whose label is the column of the one.

    Raises:
        ValueError: naming the file and the array, for anything else.
    """
    if not values.size:
        raise ValueError(f"{path}: {key} is empty (shape {values.shape}); give one integer or name a sample")
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2 and values.dtype.kind in "biuf":
        return _columns(path, key, values)
    if values.ndim != 1:
        raise ValueError(f"{path}: {key} has shape {values.shape}; give one integer or name a sample")
    kind = values.dtype.kind
    if kind in "SUT":
        return text(path, key, values)
    if kind == "b":
        return values.astype(np.int64)
    if kind == "u" and values.itemsize == 8:
        return values if values.size and int(values.max()) >= 2**63 else values.astype(np.int64)
    if kind in "iu":
        return values.astype(np.int64)
    if kind == "f":
        return _whole(path, key, values)
    raise ValueError(
        f"{path}: {key} has type {values.dtype}; give one integer or name (string) a sample, such as "
        f"{key} = [str(label) for label in {key}]"
    )


def text(path: str, key: str, values: NDArray[Any]) -> NDArray[np.str_]:
    """Strings, from bytes too.

    Raises:
        ValueError: naming the file and the array, for another type, or bytes that are not UTF-8.
    """
    if values.dtype.kind not in "SUT":
        raise ValueError(f"{path}: {key} has type {values.dtype}; give strings")
    try:
        strings = np.char.decode(values, TEXT) if values.dtype.kind == "S" else values.astype(np.str_)
    except UnicodeError as error:
        raise ValueError(f"{path}: {key} holds bytes that are no text in UTF-8 ({error}); give strings") from error
    strings = np.ascontiguousarray(strings.astype(strings.dtype.newbyteorder("=")))
    if strings.nbytes and int(strings.reshape(-1).view(np.uint32).max()) > sys.maxunicode:
        raise ValueError(f"{path}: {key} holds numbers that are no characters; give strings, written with numpy.savez")
    return strings


def coded(labels: NDArray[Any]) -> tuple[Ints, tuple[str, ...]]:
    """Codes 0, 1, ... [S] of labels, and the name of each: sorted as numpy.unique does, 7 before 10."""
    kinds, codes = np.unique(labels, return_inverse=True)
    return codes.astype(np.int64), tuple(str(kind) for kind in kinds)


def check_counted(path: str, key: str, labels: NDArray[Any]) -> None:
    """Whether no class has a negative number: those usually mark samples without one.

    Raises:
        ValueError: naming the file, the array and the number.
    """
    if labels.dtype.kind in "iO" and len(labels) and min(labels) < 0:
        raise ValueError(
            f"{path}: {key} contains {min(labels)}; classes are counted from 0. Where that is a class, give names: "
            f"{key} = {key}.astype(str); where it marks samples without one, leave them out: those with {key} >= 0 stay"
        )


def _whole(path: str, key: str, values: NDArray[Any]) -> NDArray[Any]:
    """Floats that are whole numbers, as integers."""
    with np.errstate(all="ignore"):  # bits that are no number
        broken = values[~np.isfinite(values) | (values != np.floor(values))]
    if len(broken):
        raise ValueError(
            f"{path}: {key} has type {values.dtype} and holds {broken[0]}; give one integer or name (string) a sample"
        )
    if not len(values) or np.abs(values).max() < 2**63:
        return values.astype(np.int64)
    return np.array([int(value) for value in values], dtype=object)


def _columns(path: str, key: str, rows: NDArray[Any]) -> NDArray[np.int64]:
    """Columns of the ones, of one-hot rows [S, classes]."""
    one_hot = bool(np.isin(rows, (0, 1)).all()) and bool((rows.sum(axis=1) == 1).all())
    if not one_hot:
        raise ValueError(
            f"{path}: {key} has shape {rows.shape}, but its rows are not one-hot (a single 1 among zeros); give one "
            f"label a sample, such as {key} = {key}.argmax(axis=1)"
        )
    return np.asarray(rows.argmax(axis=1), dtype=np.int64)
