"""A long stream of tasks of unequal difficulty, made of another stream's samples: nobody could size a chip for it.

Every task tells two or three classes of the other stream apart, in some view. A view permutes the channels (or leaves
them), turns images by a multiple of a right angle, and mixes a share of noise into every sample. A task takes the view
of an earlier one with the chance ``related``, with other classes or the same; else a new one. So some tasks are nearly
what others are and some resemble none, some are solved by anything and some are hard. Everything is drawn from
``stream.split_seed``; the names of the tasks say what was drawn. A sample stays in its part (train, validation, test)
in all tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from smalti.model import memory
from smalti.scheduler.streams import splits
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.tasks.given import Loader, Made, joined, samples_of
from smalti.scheduler.streams.types import Floats, Ints, Loaded

NAME = "long"
PLAIN = 0.25  # chance that a new view leaves the channels where they are


@dataclass(frozen=True)
class View:
    """How a task shows samples."""

    number: int  # in the order in which they were drawn
    permutation: Ints | None  # of the channels
    turns: int  # by a right angle, anticlockwise
    noise: float  # share of every value that is uniform noise

    def __str__(self) -> str:
        """What was drawn, in words."""
        turned = f" turned {90 * self.turns}" if self.turns else ""
        moved = "" if self.permutation is None else f" permuted {self.number}"
        return f"{turned}{moved}{f' noise {self.noise:g}' if self.noise else ''}"

    def of(self, x: Floats, image: tuple[int, int] | None, chance: np.random.Generator) -> Floats:
        """Samples [S, T, I] as the task shows them."""
        if self.turns and image is not None:
            x = np.rot90(x.reshape(*x.shape[:2], *image), self.turns, axes=(2, 3)).reshape(x.shape)
        if self.permutation is not None:
            x = x[:, :, self.permutation]
        if self.noise:
            x = (1 - self.noise) * x + self.noise * chance.random(x.shape, dtype=np.float32)
        return np.ascontiguousarray(x, dtype=np.float32)


def load_long(options: StreamOptions, streams: Mapping[str, Loader]) -> Loaded:
    """Many tasks of unequal difficulty, out of the samples of the stream that ``stream.long.of`` names.

    Raises:
        ValueError: there is no such stream, it has too few classes, or memory cannot hold the tasks.
    """
    given, parts = _given(options, streams)
    drawn = _tasks(given, options)
    image = given.image if given.image and given.image[0] == given.image[1] else None
    rows = np.concatenate(list(parts.values()))
    part = np.repeat(list(parts), [len(own) for own in parts.values()])
    chosen = [np.flatnonzero(np.isin(given.y[rows], classes)) for classes, _ in drawn]
    size = sum(map(len, chosen)) * given.x.nbytes // len(given.x)
    memory.require(size, f"{len(drawn):,} tasks", "stream.long.tasks or stream.limit")
    tasks = []
    for task, ((classes, view), own) in enumerate(zip(drawn, chosen, strict=True)):
        names = tuple(given.class_names[label] for label in classes)
        x = view.of(given.x[rows[own]], image, _random(options, 2 + task))
        y = np.searchsorted(classes, given.y[rows[own]])
        answers = tuple(f"{name} of {task}" for name in names)
        tasks.append(Made(f"{task}: {' '.join(names)}{view}", x, y, part[own], answers))
    note = f"{len(drawn)} tasks: {'; '.join(task.name for task in tasks)}"
    return joined(given, NAME, tasks, notes=(*given.notes, note))


def _given(options: StreamOptions, streams: Mapping[str, Loader]) -> tuple[Loaded, dict[str, Ints]]:
    """The samples, pooled before their channels are moved, and their parts."""
    own = options.long
    given = samples_of("stream.long.of", own.of, own.channels, options, streams)
    if max(own.classes) > len(given.class_names):
        raise ValueError(
            f"stream.long.classes = {list(own.classes)}: {given.origin} has {len(given.class_names)} classes; "
            "ask for no more"
        )
    given = replace(given, domain=None, domain_names=(), tasks=False)
    return given, splits.split(given, options)


def _tasks(given: Loaded, options: StreamOptions) -> list[tuple[Ints, View]]:
    """Classes, ascending, and view of every task."""
    own, chance = options.long, _random(options, 1)
    channels, square = given.x.shape[2], given.image is not None and given.image[0] == given.image[1]
    drawn: list[tuple[Ints, View]] = []
    views: list[View] = []
    for _ in range(own.tasks):
        size = int(chance.choice(own.classes))
        classes = np.sort(chance.choice(len(given.class_names), size, replace=False))
        if views and chance.random() < own.related:
            view = views[int(chance.integers(len(views)))]
        else:
            permutation = None if chance.random() < PLAIN else chance.permutation(channels)
            turns = int(chance.integers(4)) if square else 0
            view = View(len(views), permutation, turns, float(chance.choice(own.noise)))
            views.append(view)
        drawn.append((classes, view))
    return drawn


def _random(options: StreamOptions, use: int) -> np.random.Generator:
    """One generator a use; the length of its key keeps it apart from those of the split."""
    return np.random.default_rng(np.random.SeedSequence(options.split_seed, spawn_key=(0, 0, use)))
