"""Streams: sequences of experiences, each with its samples. Reads data; knows no network and no chip.

Extension point: add a loader of your own to STREAMS before the run is configured,

    from smalti.scheduler.streams import STREAMS
    STREAMS["mine"] = load_mine       # (StreamOptions) -> Loaded, or Generated

and name it in `stream.name`. Pooling, splitting, transforming and cutting into experiences are done here, alike for
all data that are `Loaded`; what is `Generated` brings its tasks and parts with it. `smalti data` lists it with the
first line of the loader's docstring; an `About` in `about.ABOUT` says more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from smalti.model.options.values import choices
from smalti.scheduler.streams import generated, splits, transforms
from smalti.scheduler.streams.coding import prepare
from smalti.scheduler.streams.memory import Data
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers.arrays import load_arrays
from smalti.scheduler.streams.readers.digits import load_digits
from smalti.scheduler.streams.readers.fsdd import load_fsdd
from smalti.scheduler.streams.readers.mnist import load_mnist
from smalti.scheduler.streams.readers.signals.signals import load_ecg, load_signals
from smalti.scheduler.streams.readers.spikes.events import load_events
from smalti.scheduler.streams.readers.spikes.shd import load_shd
from smalti.scheduler.streams.readers.words import load_words
from smalti.scheduler.streams.survey import content, excerpt
from smalti.scheduler.streams.tasks.cognitive import load_cognitive
from smalti.scheduler.streams.tasks.long import load_long
from smalti.scheduler.streams.tasks.long_cognitive import load_long_cognitive
from smalti.scheduler.streams.tasks.mackey_glass import load_mackey_glass
from smalti.scheduler.streams.tasks.match import load_context_match, load_match_distractors
from smalti.scheduler.streams.tasks.nback import load_nback
from smalti.scheduler.streams.tasks.parity import load_parity
from smalti.scheduler.streams.tasks.sequence import load_order
from smalti.scheduler.streams.tasks.two_factor import load_two_factor
from smalti.scheduler.streams.types import Experience, Generated, GeneratedTask, Loaded, Readout, Samples, Stream

__all__ = [
    "STREAMS",
    "Data",
    "Experience",
    "Generated",
    "GeneratedTask",
    "Loaded",
    "Readout",
    "Samples",
    "Stream",
    "StreamOptions",
    "load_stream",
]

STREAMS: dict[str, Callable[[StreamOptions], Loaded | Generated]] = {
    "digits": load_digits,
    "mnist": load_mnist,
    "fsdd": load_fsdd,
    "arrays": load_arrays,
    "cognitive": load_cognitive,
    "parity": load_parity,
    "context-match": load_context_match,
    "match-distractors": load_match_distractors,
    "order": lambda options: load_order(options, STREAMS),
    "mackey-glass": load_mackey_glass,
    "nback": load_nback,
    "long": lambda options: load_long(options, STREAMS),
    "long-cognitive": load_long_cognitive,
    "two-factor": lambda options: load_two_factor(options, STREAMS),
    "shd": load_shd,
    "ssc": load_shd,
    "events": load_events,
    "signals": load_signals,
    "ecg": load_ecg,
    "few-shot": load_fsdd,
    "words": load_words,
}

_NO_CLASSES = "stream.anomaly = {!r} is a class, and {} has targets at single time steps; leave it empty"


def load_stream(options: StreamOptions, max_channels: int, data: Data | None = None) -> Stream:
    """Loads or makes the data, pools it to at most `max_channels` channels and cuts it into experiences.

    `max_channels` is the number of north wires of the chip; `data` is taken instead of what the options name.

    Raises:
        ValueError: naming the option or file, if the data is missing, unfit, or does not go with the options.
    """
    loaded = _load(options, data)
    if isinstance(loaded, Generated):
        if options.anomaly:
            raise ValueError(_NO_CLASSES.format(options.anomaly, loaded.origin))
        return generated.stream_of(loaded, options, max_channels)
    loaded = _asked(loaded, options)
    if options.hold_out:
        loaded = splits.hold_out(loaded, options.hold_out)
    ready = prepare.choose(loaded, options, max_channels)
    frames = loaded.x.shape[1]
    parts = splits.split(loaded, options)
    some = None if loaded.readout else excerpt.take(loaded, parts, ready, max_channels)
    if options.transform == "none":
        loaded = _heard(loaded, ready)
    else:
        loaded, parts = transforms.repeat(loaded, parts, options, ready)
    names = loaded.class_names
    if loaded.readout:
        names = generated.class_names(names, options.setting)
        tasks = generated.experiences(generated.tasks_of(loaded, parts), options.setting)
    else:
        samples = Samples(loaded.x, loaded.y, np.arange(len(loaded.y), dtype=np.int64))
        tasks = splits.experiences(loaded, samples, parts, options)
    tasks, held_out = _apart(tasks, loaded, options)
    return Stream(
        name=options.name,
        setting=options.setting,
        experiences=splits.ordered(tasks, options.order),
        channels=loaded.x.shape[2],
        steps=options.steps or loaded.steps,
        classes=len(names),
        class_names=names,
        notes=(*loaded.notes, *_notes(options, ready, frames), *(() if loaded.factors else content.notes(loaded))),
        shape=ready.left,
        raw=ready.shape,
        ready=ready,
        frames=ready.steps if ready.latency else frames,
        excerpt=some,
        readout=loaded.readout,
        anomaly=_anomaly(loaded, options, names),
        factors=loaded.factors,
        held_out=held_out,
    )


def _apart(
    tasks: tuple[Experience, ...], loaded: Loaded, options: StreamOptions
) -> tuple[tuple[Experience, ...], tuple[Experience, ...]]:
    """The experiences that are trained, and those that are held out.

    Raises:
        ValueError: the setting or a transform knows nothing of combinations.
    """
    if not loaded.factors:
        return tasks, ()
    if options.setting not in ("class", "task") or options.transform != "none":
        raise ValueError(
            f"{loaded.origin} makes a task of each combination of a view and a question: take stream.setting task (or "
            "class) and stream.transform none"
        )
    tasks = tuple(replace(task, name=name) for task, name in zip(tasks, loaded.domain_names, strict=True))
    trained = len(tasks) - loaded.held_out
    return tasks[:trained], tasks[trained:]


def _anomaly(loaded: Loaded, options: StreamOptions, names: tuple[str, ...]) -> int | None:
    """The class that is to be found among the other.

    Raises:
        ValueError: the options name none of two classes.
    """
    if not options.anomaly:
        return names.index(loaded.anomaly) if loaded.anomaly in names and len(names) == 2 else None
    if loaded.readout is not None:
        raise ValueError(_NO_CLASSES.format(options.anomaly, loaded.origin))
    if len(names) != 2:
        raise ValueError(
            f"stream.anomaly = {options.anomaly!r} is one of two classes, and {loaded.origin} has {len(names)}; leave "
            "it empty, or make two classes (of signals by stream.signals.normal)"
        )
    if options.anomaly not in names:
        raise ValueError(
            f"stream.anomaly = {options.anomaly!r} is no class of {loaded.origin}; take {names[0]!r} or {names[1]!r}"
        )
    return names.index(options.anomaly)


def _load(options: StreamOptions, data: Data | None) -> Loaded | Generated:
    if options.name not in STREAMS:
        raise ValueError(f"stream.name = {options.name!r} is unknown; {choices(options.name, STREAMS)}")
    loaded = STREAMS[options.name](options) if data is None else data.loaded()
    own = 0 if isinstance(loaded, Generated) else loaded.x.shape[1]
    if options.steps and own > options.steps:
        raise ValueError(
            f"stream.steps = {options.steps}, but {loaded.origin} has {own} time steps; set it to 0, or to that or more"
        )
    return loaded


def _heard(loaded: Loaded, ready: prepare.Preparation) -> Loaded:
    """The data as the chip is given them."""
    left, steps = ready.left, ready.steps
    return replace(
        loaded,
        x=ready.all_of(loaded),
        steps=steps,
        targets=None if loaded.targets is None else prepare.stretched(loaded.targets, steps),
        weights=None if loaded.weights is None else prepare.stretched(loaded.weights, steps),
        image=(left[-2], left[-1]) if loaded.image else None,
        planes=left[0] if len(left) == 3 else 1,
    )


def _asked(loaded: Loaded, options: StreamOptions) -> Loaded:
    """The data with the loss and score that the options name.

    Raises:
        ValueError: they do not go with what is asked, or other options do not go with targets.
    """
    if loaded.readout is None:
        for name, usual in (("loss", "cross_entropy"), ("score", "right")):
            if getattr(options, name) not in ("auto", usual):
                raise ValueError(
                    f"stream.{name} = {getattr(options, name)!r} is of outputs at single time steps, and "
                    f"{loaded.origin} asks for the class of a sample; set it to auto"
                )
        return loaded
    for name, usual in (("hold_out", ""), ("transform", "none")):
        if getattr(options, name) != usual:
            raise ValueError(
                f"stream.{name} = {getattr(options, name)!r} goes with classes, and {loaded.origin} has targets at "
                f"single steps; set it to {usual!r}"
            )
    readout = generated.asked_of(loaded.readout, options)
    return loaded if readout == loaded.readout else replace(loaded, readout=readout)


def _notes(options: StreamOptions, ready: prepare.Preparation, frames: int) -> list[str]:
    """What was done to the firing probabilities, to time and to the number of samples."""
    notes = ready.notes()
    if 1 < frames < ready.steps:
        notes.append(f"{frames} time steps held so that there are {ready.steps}")
    if options.limit:
        notes.append(f"at most {options.limit} samples of a class")
    return notes
