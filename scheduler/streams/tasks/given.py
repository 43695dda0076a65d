"""The samples of another stream, of which a stream makes tasks: read as they are alone, pooled, and put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from smalti.model.options.values import choices
from smalti.scheduler.streams.coding import prepare
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.spikes.rendered import changed
from smalti.scheduler.streams.types import Floats, Generated, Ints, Loaded

MADE = ("long", "order", "two-factor")  # streams that are made of others, and of which none is made
Loader = Callable[[StreamOptions], Loaded | Generated]


def samples_of(field: str, of: str, channels: int, options: StreamOptions, streams: Mapping[str, Loader]) -> Loaded:
    """The samples of a stream, pooled before anything is done to their channels.

    Args:
        field: the option that names the stream, such as stream.long.of.
        of: the stream.
        channels: to which samples are pooled.
        options: of the stream that is made.
        streams: loaders by name.

    Raises:
        ValueError: there is no such stream, or it asks for answers in time.
    """
    usual = [name for name in streams if name not in MADE]
    if of not in usual:
        raise ValueError(f"{field} = {of!r} is no stream to make tasks of; {choices(of, usual)}")
    given = streams[of](replace(options, name=of))
    if isinstance(given, Generated) or given.readout is not None:
        raise ValueError(f"{field} = {of!r} asks for answers in time; take a stream of labelled samples")
    ready = prepare.choose(given, options, channels)
    image = (ready.left[0], ready.left[1]) if len(ready.left) == 2 else None
    return replace(given, x=changed(given.x, ready), image=image, planes=1)


@dataclass(frozen=True, eq=False)
class Made:
    """One task made of them."""

    name: str
    x: Floats  # [S, T or 1, I]
    y: Ints  # [S] class of the task, from 0 on
    part: np.ndarray  # [S]
    classes: tuple[str, ...]


def joined(given: Loaded, stream: str, tasks: list[Made], **facts: Any) -> Loaded:
    """The tasks as one stream, each with classes of its own; ``facts`` are what else is known of it."""
    first = np.cumsum([0, *(len(task.classes) for task in tasks)])
    return replace(
        given,
        origin=f"{stream} of {given.origin}",
        x=np.concatenate([task.x for task in tasks]),
        y=np.concatenate([begin + task.y for begin, task in zip(first, tasks, strict=False)]),
        class_names=tuple(name for task in tasks for name in task.classes),
        domain=np.repeat(np.arange(len(tasks)), [len(task.y) for task in tasks]),
        domain_names=tuple(task.name for task in tasks),
        tasks=True,
        part=np.concatenate([task.part for task in tasks]),
        image=None,
        planes=1,
        **facts,
    )
