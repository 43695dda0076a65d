"""From tasks with answers in time to the experiences of a setting. Knows nothing of files, spikes or the chip's wires.

A sample's label is the number of its task, so that whatever chooses an expert by class chooses one by task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import numpy as np

from smalti.model.options.values import choices
from smalti.scheduler.streams import splits
from smalti.scheduler.streams.coding.prepare import Preparation
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.spikes.rendered import joined, mapped
from smalti.scheduler.streams.types import Experience, Generated, GeneratedTask, Loaded, Readout, Samples, Stream


def stream_of(generated: Generated, options: StreamOptions, max_channels: int) -> Stream:
    """The stream of generated tasks.

    Raises:
        ValueError: the channels do not fit the chip, or the options ask for what cannot be done to such tasks.
    """
    _check(generated, options, max_channels)
    generated = replace(generated, readout=asked_of(generated.readout, options))
    shape = (generated.channels,)
    ready = Preparation(shape, 0, (1,), "mean", options.gain, generated.steps)
    tasks = _numbered([_heard(_limited(task, options.limit), ready) for task in generated.tasks])
    notes = [*generated.notes, *ready.notes()]
    if options.limit:
        notes.append(f"at most {options.limit} samples of a task")
    names = class_names([task.name for task in tasks], options.setting)
    return Stream(
        name=options.name,
        setting=options.setting,
        experiences=splits.ordered(experiences(tasks, options.setting), options.order),
        channels=generated.channels,
        steps=generated.steps,
        classes=len(names),
        class_names=names,
        notes=tuple(notes),
        shape=shape,
        raw=shape,
        ready=ready,
        frames=generated.steps,
        readout=generated.readout,
    )


def tasks_of(loaded: Loaded, parts: splits.Rows) -> list[GeneratedTask]:
    """The tasks of a data set with targets, whose samples are ready for the chip and split."""
    index = np.arange(len(loaded.y), dtype=np.int64)
    samples = Samples(loaded.x, loaded.y, index, loaded.targets, loaded.weights)
    return [
        GeneratedTask(name, *(samples.select(rows[loaded.y[rows] == number]) for rows in parts.values()))
        for number, name in enumerate(loaded.class_names)
    ]


def asked_of(readout: Readout, options: StreamOptions) -> Readout:
    """What is asked at single steps, with the loss and score that the options name.

    Raises:
        ValueError: there is no such score.
    """
    from smalti.scheduler.streams.scores import SCORES  # not above: a list of streams need not wait for torch

    if options.score != "auto" and options.score not in SCORES:
        raise ValueError(f"stream.score = {options.score!r} is unknown; {choices(options.score, ('auto', *SCORES))}")
    return Readout(
        readout.names,
        loss=readout.loss if options.loss == "auto" else options.loss,
        score=readout.score if options.score == "auto" else options.score,
    )


def experiences(tasks: Sequence[GeneratedTask], setting: str) -> tuple[Experience, ...]:
    """The experiences of a setting: one a task; in setting joint all tasks are one.

    In setting domain all samples have label 0, so that one expert learns all tasks.
    """
    labelled = [
        {part: _labelled(samples, 0 if setting == "domain" else number) for part, samples in task.parts.items()}
        for number, task in enumerate(tasks)
    ]
    if setting == "joint":
        kinds = [part for part in labelled[0] if all(part in parts for parts in labelled)]
        together = {part: _joined([parts[part] for parts in labelled]) for part in kinds}
        return (Experience(0, "joint", tuple(range(len(tasks))), **together),)
    return tuple(
        Experience(number, task.name, (0 if setting == "domain" else number,), **parts)
        for number, (task, parts) in enumerate(zip(tasks, labelled, strict=True))
    )


def class_names(tasks: Sequence[str], setting: str) -> tuple[str, ...]:
    """Names of the labels: those of the tasks; in setting domain there is one."""
    return ("all tasks",) if setting == "domain" else tuple(tasks)


def _check(generated: Generated, options: StreamOptions, max_channels: int) -> None:
    """Whether the options leave the samples as they were made."""
    origin, steps, channels = generated.origin, generated.steps, generated.channels
    if options.steps not in (0, steps):
        raise ValueError(f"stream.steps = {options.steps}, but {origin} has {steps} time steps; set it to 0")
    if options.transform != "none":
        raise ValueError(
            f"stream.transform = {options.transform!r} makes copies of data, and {origin} makes its tasks "
            "itself; set it to none"
        )
    if options.hold_out:
        raise ValueError(
            f"stream.hold_out = {options.hold_out!r} names a domain of data, and {origin} makes its tasks "
            "itself; leave it empty"
        )
    if options.code != "bernoulli":
        raise ValueError(
            f"stream.code = {options.code!r} codes the values of data, and {origin} makes firing "
            "probabilities itself; set it to bernoulli"
        )
    if channels > max_channels or options.pool > 1:
        raise ValueError(
            f"{origin} has {channels} channels and the chip {max_channels} north wires; such channels are not "
            f"pooled: leave stream.pool at 0, and build fabric.cols x fabric.wires of {channels} or more"
        )


def _limited(task: GeneratedTask, limit: int) -> GeneratedTask:
    """The first samples of every part, so that the three usual ones have at most ``limit`` together; 0: all."""
    sizes = {part: len(samples) for part, samples in task.parts.items()}
    total = sum(sizes[part] for part in ("train", "validation", "test"))
    if not limit or total <= limit:
        return task
    kept = {part: max(1, limit * size // total) for part, size in sizes.items()}
    kept["train"] = limit - kept["validation"] - kept["test"]
    return task.changed(lambda part, samples: samples.select(slice(kept[part])))


def _heard(task: GeneratedTask, ready: Preparation) -> GeneratedTask:
    """The task as the chip is given it."""
    return task.changed(lambda _, samples: replace(samples, x=mapped(samples.x, ready)))


def _numbered(tasks: Sequence[GeneratedTask]) -> list[GeneratedTask]:
    """The tasks, with the indices of their samples counted over all of them."""
    counter = count()

    def number(_: str, samples: Samples) -> Samples:
        return replace(samples, index=np.fromiter(counter, np.int64, len(samples.x)))

    return [task.changed(number) for task in tasks]


def _labelled(samples: Samples, label: int) -> Samples:
    return replace(samples, y=np.full(len(samples.x), label, dtype=np.int64))


def _joined(parts: Sequence[Samples]) -> Samples:
    """The samples of several parts with targets as one."""
    together = {
        field: np.concatenate([getattr(part, field) for part in parts])
        for field in ("y", "index", "targets", "weights")
    }
    return Samples(joined([part.x for part in parts]), **together)
