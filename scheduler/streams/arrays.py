"""A user's own data: one .npz file of plain arrays. Never unpickles anything.

- x: [samples, time, channels] or [samples, features], the firing probability a time step, 0..1; spikes (0 or
  1) stay themselves.
- y: [samples] integers, the classes 0, 1, 2 ...
- task: [samples] integers, optional: the domain (setting domain), or the task whose classes form an
  experience.
- part: [samples] strings, optional: train, validation, test; what is missing of the last two is drawn from
  train.
- image: [2] integers, optional: rows and columns, where the channels are an image, row after row; it is pooled in
  blocks then, and can be rotated.

``smalti.data`` makes the same of arrays in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams import npz
from smalti.scheduler.streams.types import Ints, Loaded, StreamOptions

STEPS = 25  # of samples without a time axis
OPTIONAL = ("task", "part", "image")
HOW = "numpy.savez(file, x=..., y=...)"


def load_arrays(options: StreamOptions) -> Loaded:
    """Reads and checks the .npz at `options.path`.

    Raises:
        ValueError: naming the file and the array, if anything in it is unfit.
    """
    path = _existing(options.path)
    arrays, ignored = npz.read(path, ("x", "y"), OPTIONAL, HOW)
    return of_arrays(path, arrays, (f"arrays ignored in the file: {', '.join(ignored)}",) if ignored else ())


def of_arrays(path: str, arrays: Mapping[str, NDArray[Any]], notes: tuple[str, ...] = ()) -> Loaded:
    """Checks arrays by their names, as above; errors begin with the path, or with what else they come from.

    Raises:
        ValueError: naming the array that is unfit.
    """
    x, y = arrays["x"], npz.integers(path, "y", arrays["y"])
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{path}: x has type {x.dtype}; give numbers between 0 and 1")
    if x.ndim not in (2, 3):
        raise ValueError(f"{path}: x has shape {x.shape}; give [samples, time, channels] or [samples, channels]")
    if x.ndim == 2:
        x = x[:, None, :]
    domain: Ints | None = None
    names: tuple[str, ...] = ()
    if "task" in arrays:
        values, codes = np.unique(npz.integers(path, "task", arrays["task"]), return_inverse=True)
        domain, names = codes.astype(np.int64), tuple(str(value) for value in values)
    part = None
    if "part" in arrays:
        if arrays["part"].dtype.kind not in "US":
            raise ValueError(f"{path}: part has type {arrays['part'].dtype}; give strings: train, validation, test")
        part = arrays["part"].astype(np.str_)
    return Loaded(
        origin=path,
        x=_single(path, x),
        y=y,
        class_names=tuple(str(label) for label in np.unique(y)),
        steps=x.shape[1] if x.shape[1] > 1 else STEPS,
        domain=domain,
        domain_names=names,
        tasks=domain is not None,
        part=part,
        image=_image(path, arrays["image"]) if "image" in arrays else None,
        notes=notes,
    )


def _existing(path: str) -> str:
    if not path:
        raise ValueError(f"stream.path is empty; give the .npz file to read ({HOW})")
    if not Path(path).is_file():
        raise ValueError(f"stream.path = {path!r}: there is no such file")
    return path


def _image(path: str, sides: NDArray[Any]) -> tuple[int, int]:
    if sides.shape != (2,):
        raise ValueError(f"{path}: image has shape {sides.shape}; give two numbers, its rows and columns")
    rows, columns = npz.integers(path, "image", sides).tolist()
    return rows, columns


def _single(path: str, x: NDArray[Any]) -> NDArray[np.float32]:
    """x as float32; what float32 cannot hold becomes infinite, and is refused as such later."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(x, dtype=np.float32)
