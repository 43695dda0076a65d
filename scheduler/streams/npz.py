"""Reads named arrays from a user's .npz file. Never unpickles anything; knows nothing of what they mean."""

from __future__ import annotations

import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray


def read(
    path: str, required: tuple[str, ...], optional: tuple[str, ...], how: str
) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The arrays of these names that the file holds, and the names of its others.

    Args:
        path: the file.
        required: arrays that must be there.
        optional: arrays that may be.
        how: how such a file is written, for error messages.

    Raises:
        ValueError: naming the file and the array, if it is missing or cannot be read.
    """
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: this is no .npz file; write one with {how}")
    arrays = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            ignored = [key for key in file.files if key not in (*required, *optional)]
            for key in (*required, *optional):
                if key in file.files:
                    arrays[key] = _array(path, key, file)
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: cannot be read ({error}); write it anew with numpy.savez") from error
    for key in required:
        if key not in arrays:
            raise ValueError(f"{path}: there is no array {key}; write it with {how}")
    return arrays, ignored


def integers(path: str, key: str, values: NDArray[Any]) -> NDArray[np.int64]:
    """One integer a sample [S].

    Raises:
        ValueError: for another type or shape.
    """
    if values.dtype.kind not in "iu":
        raise ValueError(f"{path}: {key} has type {values.dtype}; give integers, {key}.astype(numpy.int64)")
    if values.ndim != 1:
        raise ValueError(f"{path}: {key} has shape {values.shape}; give one integer a sample")
    return values.astype(np.int64)


def _array(path: str, key: str, file: Any) -> NDArray[Any]:
    try:
        array = file[key]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path}: {key} cannot be read ({error}); pickled (object) arrays are refused: give plain "
            "numbers or strings"
        ) from error
    if isinstance(array, np.ndarray):
        return array
    raise ValueError(f"{path}: {key} is no array; write the file with numpy.savez")
