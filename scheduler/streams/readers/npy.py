"""Arrays of a folder of .npy files; the largest stays in its file and is read a few samples at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.readers import npz, ragged
from smalti.scheduler.streams.spikes.rendered import AT_ONCE, Floats, Ints, Rendered

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


def rendered(x: NDArray[Any], mask: NDArray[np.bool_] | None = None) -> tuple[Rendered, int]:
    """Samples [S, T, I] or [S, I] that stay where they are, and how many end in NaN, which become zeros.

    Truth values over time are spikes. Of the file only the samples that end in NaN are read here.

    Args:
        x: the samples.
        mask: where there is something [S, T]; elsewhere there are zeros.
    """
    steps, over_time = x.shape[1] if x.ndim == 3 else 1, x.ndim == 3
    ragged_ends = over_time and x.dtype.kind == "f"

    def raw(numbers: Ints) -> NDArray[Any]:
        some = np.asarray(x[numbers])
        return some if mask is None else np.where(mask[numbers][:, :, None], some, np.zeros((), dtype=some.dtype))

    def render(numbers: Ints) -> Floats:
        some = ragged.ended(raw(numbers))[0] if ragged_ends else raw(numbers)
        return np.asarray(some, dtype=np.float32).reshape(len(numbers), steps, x.shape[-1])

    ended = 0
    if ragged_ends:
        last = np.isnan(x[:, -1]).all(axis=1)
        open_ended = np.flatnonzero(last if mask is None else last & mask[:, -1])
        for first in range(0, len(open_ended), AT_ONCE):
            ended += ragged.ended(raw(open_ended[first : first + AT_ONCE]))[1]
    spikes = x.dtype.kind == "b" and over_time
    return Rendered(render, np.arange(len(x), dtype=np.int64), steps, x.shape[-1], spikes=spikes), ended


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
