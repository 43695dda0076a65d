"""Events in HDF5: datasets t, x, y, p, at the top or in a group ``events`` or ``CD``; or a structured dataset there.

What such a file declares is checked before anything is read: a small one may claim terabytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.readers.spikes import hdf5

PLACES = ("", "events", "CD/events", "CD")
AGAIN = "download it again, or leave it out"
WIDTH = 8  # bytes of a number once it is read


def columns(path: Path, known: frozenset[str]) -> dict[str, NDArray[Any]]:
    """The columns of the first place of a file that has some, under their names there.

    Args:
        path: the file.
        known: names that a column may have.

    Raises:
        ValueError: naming the file and column; there are none, or they are no lists of numbers, or too large.
    """
    with hdf5.opened(path, "an HDF5 file with events") as file:
        for place in PLACES:
            with limits.reading(f"{path}: {place or 'its root'}", AGAIN):
                held = _held(file, place, known)
            if held:
                _check(str(path), held)
                with limits.reading(str(path), AGAIN):
                    return {name: owner[key] for name, (owner, key, _, _) in held.items()}
    raise ValueError(f"{path}: there are no datasets t, x, y, p, nor a structured one called events; write those")


Column = tuple[Any, Any, tuple[int, ...], np.dtype[Any]]  # what ``owner[key]`` reads: owner, key, shape and type


def _held(file: Any, place: str, known: frozenset[str]) -> dict[str, Column]:
    """Columns at a place of a file, not read yet."""
    import h5py

    inner = file.get(place) if place else file
    if isinstance(inner, h5py.Dataset):
        names = [name for name in inner.dtype.names or () if name in known]
        return {name: (inner, name, inner.shape, inner.dtype[name]) for name in names}
    if not isinstance(inner, h5py.Group):
        return {}
    datasets = {name: inner[name] for name in inner if name in known}
    return {
        name: (one, slice(None), one.shape, one.dtype)
        if isinstance(one, h5py.Dataset)
        else (one, "", (), np.dtype("O"))
        for name, one in datasets.items()
    }


def _check(path: str, held: dict[str, Column]) -> None:
    """Whether columns are lists of numbers that may be read."""
    for name, (_, _, shape, kind) in held.items():
        if shape is None or len(shape) != 1 or kind.kind not in "biuf":
            raise ValueError(f"{path}: {name} is no list of numbers; give one number an event")
    events = sum(shape[0] for _, _, shape, _ in held.values())
    limits.check_size(f"{path}: {', '.join(held)}", WIDTH * events, limits.allowance(path))
