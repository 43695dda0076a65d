"""A user's own data: one .npz file of plain arrays. Never unpickles anything.

- x: [samples, time, channels] or [samples, features], the firing probability a time step, 0..1; spikes (0 or
  1) stay themselves.
- y: [samples] integers, the classes 0, 1, 2 ...
- task: [samples] integers, optional: the domain (setting domain), or the task whose classes form an
  experience.
- part: [samples] strings, optional: train, validation, test; what is missing of the last two is drawn from
  train.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scheduler.streams.types import Ints, Loaded, StreamOptions

STEPS = 25  # of samples without a time axis
KEYS = ("x", "y", "task", "part")


def load_arrays(options: StreamOptions) -> Loaded:
    """Reads and checks the .npz at `options.path`.

    Raises:
        ValueError: naming the file and the array, if anything in it is unfit.
    """
    path = options.path
    found, ignored = _read(path)
    x, y = found["x"], _integers(path, "y", found["y"])
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{path}: x has type {x.dtype}; give numbers between 0 and 1")
    if x.ndim not in (2, 3):
        raise ValueError(f"{path}: x has shape {x.shape}; give [samples, time, channels] or [samples, channels]")
    if x.ndim == 2:
        x = x[:, None, :]
    domain: Ints | None = None
    names: tuple[str, ...] = ()
    if "task" in found:
        values, codes = np.unique(_integers(path, "task", found["task"]), return_inverse=True)
        domain, names = codes.astype(np.int64), tuple(str(value) for value in values)
    part = None
    if "part" in found:
        if found["part"].dtype.kind not in "US":
            raise ValueError(f"{path}: part has type {found['part'].dtype}; give strings: train, validation, test")
        part = found["part"].astype(np.str_)
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
        notes=(f"arrays ignored in the file: {', '.join(ignored)}",) if ignored else (),
    )


def _read(path: str) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The arrays of KEYS that the file holds, and the names of the others."""
    if not path:
        raise ValueError("stream.path is empty; give the .npz file to read (numpy.savez(file, x=..., y=...))")
    if not Path(path).is_file():
        raise ValueError(f"stream.path = {path!r}: there is no such file")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: this is no .npz file; write one with numpy.savez(file, x=..., y=...)")
    found = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            ignored = [key for key in file.files if key not in KEYS]
            for key in KEYS:
                if key in file.files:
                    found[key] = _array(path, key, file)
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: cannot be read ({error}); write it anew with numpy.savez") from error
    for key in ("x", "y"):
        if key not in found:
            raise ValueError(f"{path}: there is no array {key}; write it with numpy.savez(file, x=..., y=...)")
    return found, ignored


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


def _integers(path: str, key: str, values: NDArray[Any]) -> Ints:
    if values.dtype.kind not in "iu":
        raise ValueError(f"{path}: {key} has type {values.dtype}; give integers, {key}.astype(numpy.int64)")
    if values.ndim != 1:
        raise ValueError(f"{path}: {key} has shape {values.shape}; give one integer a sample")
    return values.astype(np.int64)


def _single(path: str, x: NDArray[Any]) -> NDArray[np.float32]:
    """x as float32; what float32 cannot hold becomes infinite, and is refused as such later."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(x, dtype=np.float32)
