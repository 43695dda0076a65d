"""Streams out of copies of any data, each transformed its own way.

In setting domain a copy is a task, and all have the same classes. In setting class and task a copy has classes of its
own: four copies of ten classes are forty classes, and twenty tasks of two. The first copy is left as it is. A sample
stays in its part (train, validation, test) in all copies.

- permuted (Goodfellow et al. 2013, arXiv 1312.6211; Kirkpatrick et al. 2017, arXiv 1612.00796): each task has a
  permutation of the channels. It comes after pooling: means of scattered pixels would tell nothing.
- rotated (Lopez-Paz & Ranzato 2017, arXiv 1706.08840): task k of n turns its images anticlockwise by an angle drawn
  from k to k + 1 times 180 / n degrees, here a whole number. It comes before pooling, with bilinear interpolation.

Permutations and angles follow from `stream.split_seed` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from smalti.model import memory
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.spikes.rendered import changed, select
from smalti.scheduler.streams.types import Floats, Loaded

Ready = Callable[[Floats], Floats]  # pools and scales firing probabilities [S, T, I] for the chip
View = Callable[[Floats], Floats]  # firing probabilities [S, T, I] as one task shows them, ready for the chip
Rows = dict[str, np.ndarray]

TASKS = 5  # if the options name no number
RANGE = 180  # degrees


def permuted(task: int, loaded: Loaded, options: StreamOptions, ready: Ready) -> tuple[str, View]:
    """Name and view of a task (from 1) whose channels are permuted after pooling."""

    def view(x: Floats) -> Floats:
        x = ready(x)
        return x[:, :, _random(options, task).permutation(x.shape[2])]

    return f"permuted {task}", view


def rotated(task: int, loaded: Loaded, options: StreamOptions, ready: Ready) -> tuple[str, View]:
    """Name and view of a task (from 1) whose images are turned before pooling.

    Raises:
        ValueError: if the channels are no image, or the tasks are more than there are whole degrees.
    """
    image, tasks = loaded.image, count(options)
    if image is None:
        raise ValueError(
            f"stream.transform = 'rotated' turns images, and the channels of {loaded.origin} are none; take "
            "permuted, or the streams digits or mnist"
        )
    if tasks > RANGE:
        raise ValueError(f"stream.tasks = {tasks} asks for more angles than {RANGE} whole degrees; give at most that")
    angle = int((task + _random(options, task).random()) * RANGE / tasks)
    return f"rotated {angle}", lambda x: ready(rotate(x, image, angle))


TRANSFORMS = {"permuted": permuted, "rotated": rotated}


def repeat(loaded: Loaded, parts: Rows, options: StreamOptions, ready: Ready) -> tuple[Loaded, Rows]:
    """The samples of the parts once for every copy, ready for the chip; and the parts of these.

    A copy is a domain or, where tasks share no classes, has its own.

    Raises:
        ValueError: if the transform does not go with the data, or memory cannot hold the copies.
    """
    used = np.sort(np.concatenate(list(parts.values())))
    copies = count(options) * len(used) * ready(loaded.x[used[:1]]).nbytes
    memory.require(copies, f"{count(options):,} copies of {len(used):,} samples", "stream.tasks or stream.limit")
    names, views = ["original"], [ready]
    for task in range(1, count(options)):
        name, view = TRANSFORMS[options.transform](task, loaded, options, ready)
        names.append(name)
        views.append(view)
    chosen, copy = select(loaded.x, used), np.repeat(np.arange(len(views)), len(used))
    own = options.setting in ("class", "task")
    kinds = loaded.class_names
    everything = replace(
        loaded,
        x=np.concatenate([changed(chosen, view) for view in views]),
        y=np.tile(loaded.y[used], len(views)) + own * len(kinds) * copy,
        class_names=(*kinds, *(f"{kind} {name}" for name in names[1:] for kind in kinds)) if own else kinds,
        domain=None if own else copy,
        domain_names=() if own else tuple(names),
        tasks=False,
        part=None,
        image=None,
        planes=1,
        notes=(*loaded.notes, f"tasks are copies of the data: {', '.join(names)}"),
    )
    offsets = len(used) * np.arange(len(views))[:, None]
    places = {part: (offsets + np.searchsorted(used, rows)).ravel() for part, rows in parts.items()}
    return everything, places


def rotate(x: Floats, image: tuple[int, int], angle: float) -> Floats:
    """Images [S, T, I] turned anticlockwise by an angle in degrees; what comes in from outside is 0."""
    from scipy import ndimage  # not above: help need not wait for it

    pictures = x.reshape(-1, *image)
    turned = ndimage.rotate(pictures, angle, axes=(1, 2), reshape=False, order=1)
    return np.asarray(np.clip(turned, 0, 1), dtype=np.float32).reshape(x.shape)


def count(options: StreamOptions) -> int:
    """How many tasks there are."""
    return options.tasks or TASKS


def _random(options: StreamOptions, task: int) -> np.random.Generator:
    """One generator a task; the length of its key keeps it apart from those of the split."""
    return np.random.default_rng(np.random.SeedSequence(options.split_seed, spawn_key=(0, task)))
