"""A user's own data: one .npz file of plain arrays. Never unpickles anything.

- x: [samples, time, channels] or [samples, features], the firing probability a time step, 0..1; spikes (0 or
  1) stay themselves. Recordings that are shorter than others end in zeros, or in NaN, which become zeros.
- y: [samples] the classes: integers, or names (strings); or one-hot rows [samples, classes].
- targets: [samples, time, outputs], instead of y: what the outputs should be at every step.
- weights: [samples, time] of the steps in the loss, optional with targets: 0 where nothing is asked; all 1 if missing.
- task: [samples] integers or names, optional: the domain (setting domain), or the task whose classes form an
  experience; with targets, the experience.
- part: [samples] strings, optional: train, validation, test; what is missing of the last two is drawn from
  train.
- image: [2] integers, optional: rows and columns, where the channels are an image, row after row; it is pooled in
  blocks then, and can be rotated.
- shape: [3] integers, optional, instead of image: polarities (or other planes), rows and columns.
- mask: [samples, time] of zeros and ones, optional: where it is 0 there is nothing, and x is taken for 0 there.

Larger than memory: a folder with x.npy, y.npy and so on (numpy.save), whose x is read a few samples at a time.

``smalti.data`` makes the same of arrays in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.checked.values import check_range
from smalti.scheduler.streams.faults import Faults
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers import labels, npy, npz, ragged, targets
from smalti.scheduler.streams.spikes.rendered import Rendered
from smalti.scheduler.streams.types import Ints, Loaded, check_length, check_parts

STEPS = 25  # of samples without a time axis
REQUIRED = ("x",)
OPTIONAL = ("y", "targets", "weights", "task", "part", "image", "shape", "mask")
HOW = "numpy.savez(file, x=..., y=...)"
_ENDED = "{} recordings that end in NaN are followed by zeros"
SIDES = {"image": (2, "rows and columns"), "shape": (3, "polarities, rows and columns")}


def load_arrays(options: StreamOptions) -> Loaded:
    """Reads and checks the .npz, or the folder of .npy, at `options.path`.

    Raises:
        ValueError: naming the file and the array, if anything in it is unfit.
    """
    path = _existing(options.path)
    if Path(path).is_dir():
        arrays, ignored = npy.read(path, REQUIRED, OPTIONAL)
    else:
        arrays, ignored = npz.read(path, REQUIRED, OPTIONAL, HOW)
    if "y" not in arrays and "targets" not in arrays:
        held = ", ".join([*arrays, *ignored])
        raise ValueError(f"{path}: there is no array y; write it, or targets, with {HOW} (the file holds {held})")
    return of_arrays(path, arrays, (f"arrays ignored in the file: {', '.join(ignored)}",) if ignored else ())


def of_arrays(path: str, arrays: Mapping[str, NDArray[Any]], notes: tuple[str, ...] = ()) -> Loaded:
    """Checks arrays by their names, as above; errors begin with the path, or with what else they come from.

    Raises:
        ValueError: naming every array that is unfit.
    """
    faults, samples = Faults(path), len(arrays["x"]) if arrays["x"].ndim else 0
    mask = part = asked = None
    with faults.during():
        mask = _mask(path, arrays)
    x: NDArray[np.float32] | Rendered = np.zeros((0, 0, 0), dtype=np.float32)
    ended = list[str]()
    with faults.during():
        x, ended = _numbers(path, arrays["x"], mask)
    if arrays["x"].ndim in (2, 3):
        with faults.during():
            asked = targets.of_arrays(path, arrays, (samples, arrays["x"].shape[1] if arrays["x"].ndim == 3 else 1))
    domain, names = _coded(faults, arrays, "task", samples)
    y, class_names = (None, ()) if "targets" in arrays else _coded(faults, arrays, "y", samples)
    if "part" in arrays:
        with faults.during():
            part = _part(path, arrays["part"], samples)
    planes, image = 1, None
    with faults.during():
        planes, image = _sides(path, arrays)
    faults.tell()
    if y is None:
        y, class_names = (np.zeros(len(x), dtype=np.int64), ("all",)) if domain is None else (domain, names)
        domain, names = None, ()
    return Loaded(
        origin=path,
        x=x,
        y=y,
        class_names=class_names,
        steps=x.shape[1] if x.shape[1] > 1 else STEPS if asked is None else asked.targets.shape[1],
        domain=domain,
        domain_names=names,
        tasks=domain is not None,
        part=part,
        targets=None if asked is None else asked.targets,
        weights=None if asked is None else asked.weights,
        readout=None if asked is None else asked.readout,
        image=image,
        planes=planes,
        notes=(*notes, *ended),
    )


def _coded(
    faults: Faults, arrays: Mapping[str, NDArray[Any]], key: str, samples: int
) -> tuple[Ints | None, tuple[str, ...]]:
    """Codes of the labels in an array, and their names; None where there is no such array, or it has a fault."""
    if key not in arrays:
        return None, ()
    with faults.during():
        kinds = labels.of_samples(faults.origin, key, arrays[key])
        if key == "y":
            labels.check_counted(faults.origin, key, kinds)
        if samples:
            check_length(faults.origin, key, kinds, samples)
        return labels.coded(kinds)
    return None, ()


def _part(path: str, given: NDArray[Any], samples: int) -> NDArray[np.str_]:
    """The part that each sample belongs to."""
    if given.dtype.kind not in "SUT":
        raise ValueError(f"{path}: part has type {given.dtype}; give strings: train, validation, test")
    part = labels.text(path, "part", given)
    check_parts(path, part, samples)
    return part


def _existing(path: str) -> str:
    if not path:
        raise ValueError(f"stream.path is empty; give the .npz file to read ({HOW})")
    if not Path(path).exists():
        raise ValueError(f"stream.path = {path!r}: there is no such file")
    return path


def _mask(path: str, arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_] | None:
    """Where there is something [samples, time], if the file says."""
    if "mask" not in arrays:
        return None
    x, mask = arrays["x"], arrays["mask"]
    if x.ndim != 3 or mask.shape != x.shape[:2] or mask.dtype.kind not in "biuf" or not np.isin(mask, (0, 1)).all():
        raise ValueError(
            f"{path}: mask has shape {mask.shape} and type {mask.dtype}; give zeros and ones [samples, time], of an x "
            f"[samples, time, channels] (it has shape {x.shape})"
        )
    return mask.astype(np.bool_)


def _numbers(
    path: str, x: NDArray[Any], mask: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float32] | Rendered, list[str]]:
    """x as [samples, time or 1, channels] float32, zeros where masked, and a note if recordings ended early."""
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{path}: x has type {x.dtype}; give numbers between 0 and 1")
    if x.ndim not in (2, 3):
        more = "; flatten what belongs to a time step, x.reshape(*x.shape[:2], -1)" if x.ndim > 3 else ""
        raise ValueError(f"{path}: x has shape {x.shape}; give [samples, time, channels] or [samples, channels]{more}")
    if 0 in x.shape:
        raise ValueError(f"{path}: x has shape {x.shape}, which holds nothing; give samples")
    notes = []
    if isinstance(x, np.memmap):
        kept, ended = npy.rendered(x, mask)
        notes = [_ENDED.format(ended)] if ended else []
        return kept, ["x is read from its file a few samples at a time", *notes]
    if mask is not None:
        x = np.where(mask[:, :, None], x, np.zeros((), dtype=x.dtype))
    if x.ndim == 3 and x.dtype.kind == "f":
        x, ended = ragged.ended(x)
        if ended:
            notes = [_ENDED.format(ended)]
    check_range(path, "x", x)  # before float32 makes infinity of what it cannot hold
    return np.ascontiguousarray(x if x.ndim == 3 else x[:, None, :], dtype=np.float32), notes


def _sides(path: str, arrays: Mapping[str, NDArray[Any]]) -> tuple[int, tuple[int, int] | None]:
    """Planes, and rows and columns of an image, if the file says that its channels are one."""
    if "image" in arrays and "shape" in arrays:
        raise ValueError(f"{path}: image and shape both say what the channels are; leave out image")
    for key, (count, what) in SIDES.items():
        if key in arrays:
            sides = arrays[key]
            if sides.shape != (count,) or sides.dtype.kind not in "iu" or not (sides >= 1).all():
                raise ValueError(
                    f"{path}: {key} has shape {sides.shape}, type {sides.dtype} and holds "
                    f"{sides.reshape(-1)[:4].tolist()}; give {count} integers of 1 or more, its {what}"
                )
            *planes, rows, columns = (int(side) for side in sides)
            return (planes[0] if planes else 1), (rows, columns)
    return 1, None
