"""Arrays of a folder of .npy files; the largest stays in its file and is read a few samples at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams import limits
from smalti.scheduler.streams.readers import npz
from smalti.scheduler.streams.rendered import Floats, Ints, Rendered

LARGE = "x"  # the array that stays in its file
AGAIN = "write it with numpy.save, plain numbers or strings"


def read(path: str, required: tuple[str, ...], optional: tuple[str, ...]) -> tuple[npz.Arrays, list[str]]:
    """The arrays of these names that a folder holds, x as it lies in its file, and the names of its other files.

    Raises:
        ValueError: naming the file, if it is missing, cannot be read or is too large.
    """
    folder = Path(path)
    files = {file.stem: file for file in sorted(folder.glob("*.npy"))}
    for name in required:
        if name not in files:
            raise ValueError(f"{path}: there is no {name}.npy in it; write it with numpy.save, or give an .npz file")
    arrays: npz.Arrays = {}
    for name in (*required, *optional):
        if name in files:
            arrays[name] = _array(files[name], name)
    return arrays, [name for name in files if name not in (*required, *optional)]


def rendered(x: NDArray[Any]) -> Rendered:
    """Samples [S, T, I] or [S, I] that stay where they are; truth values over time are spikes."""
    steps = x.shape[1] if x.ndim == 3 else 1

    def render(numbers: Ints) -> Floats:
        return np.asarray(x[numbers], dtype=np.float32).reshape(len(numbers), steps, x.shape[-1])

    spikes = x.dtype.kind == "b" and x.ndim == 3
    return Rendered(render, np.arange(len(x), dtype=np.int64), steps, x.shape[-1], spikes=spikes)


def _array(file: Path, name: str) -> NDArray[Any]:
    with limits.reading(str(file), AGAIN), file.open("rb") as opened:
        shape, dtype = npz.header(opened.read(npz.HEADER + 12))
        if dtype.hasobject:
            raise ValueError("it holds Python objects, which only pickle reads")
    if name == LARGE and dtype.kind in "biuf" and 0 not in shape:
        with limits.reading(str(file), AGAIN):
            return np.load(file, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    limits.check_size(str(file), file.stat().st_size, limits.memory() // 4)
    with limits.reading(str(file), AGAIN):
        return np.load(file, allow_pickle=False)  # type: ignore[no-any-return]
