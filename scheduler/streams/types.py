"""What a stream is made of. Knows nothing of files, spikes or the chip."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.checked.limits import shown
from smalti.scheduler.streams.checked.values import check_asked, check_range
from smalti.scheduler.streams.faults import Faults
from smalti.scheduler.streams.spikes.rendered import Rendered, pieces, select

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

PARTS = ("train", "validation", "test")
FACTORS = ("view", "question")  # of a task that is a combination of two
LONGEST_NAME = 100  # characters
WARNING = "warning: "  # begins a note on something that is probably not meant


@dataclass(frozen=True, eq=False)
class Samples:
    """Some samples of a data set."""

    x: Floats | Rendered  # [S, T or 1, I] probability that a channel fires in a step, 0..1; 1: the same in every step
    y: Ints  # [S] class, 0..classes-1, numbered over the whole stream
    index: Ints  # [S] position of the sample in the whole data set; no two samples share one
    targets: Floats | None = None  # [S, T, O] what the outputs should be at each step; None where a class is asked
    weights: Floats | None = None  # [S, T] of the steps in the loss, 0 where nothing is asked; None with targets

    def __len__(self) -> int:
        return len(self.y)

    def select(self, rows: NDArray[np.integer] | NDArray[np.bool_] | slice) -> Samples:
        """The samples at `rows` (positions, a mask [S], or a slice), in that order."""
        asked = (None if part is None else part[rows] for part in (self.targets, self.weights))
        return Samples(select(self.x, rows), self.y[rows], self.index[rows], *asked)


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Some samples, none of the test part, as they were given and as the chip is given them."""

    exact: Floats  # [S, F] what was given; of a time axis means in windows
    ready: Floats  # [S, T or 1, I] firing probabilities after coding and pooling
    raw: Floats | None  # [S, T or 1, raw I] before that; None where it is large
    y: Ints  # [S]
    spikes: float  # of a sample before coding and pooling, expected
    wires: int  # of the chip, in the north


@dataclass(frozen=True)
class Experience:
    """One task's data."""

    task: int  # number of the task, counted from 0 in the order of the stream
    name: str  # its classes ("0|1") or its domain ("jackson")
    classes: tuple[int, ...]  # the labels that occur, ascending
    train: Samples
    validation: Samples
    test: Samples
    novel: Samples | None = None  # a second test part, of a kind that training never shows; None where there is none


@dataclass(frozen=True)
class Readout:
    """What is asked of the outputs at single steps, where samples have targets."""

    names: tuple[str, ...]  # one an output unit, O in all; every expert has as many
    loss: str  # a name in ``model.criterion.CRITERIA``
    score: str  # a name in ``scheduler.streams.scores.SCORES``


@dataclass(frozen=True)
class Stream:
    """A sequence of experiences."""

    name: str
    setting: str  # class, task, domain or joint
    experiences: tuple[Experience, ...]
    channels: int  # I
    steps: int  # T
    classes: int
    class_names: tuple[str, ...]  # one a class
    notes: tuple[str, ...]  # what was done to the data, for the record of the run
    shape: tuple[int, ...] = ()  # of the channels: (I,), or rows and columns of an image
    raw: tuple[int, ...] = ()  # the same before pooling
    ready: Callable[[Floats], Floats] = field(default=lambda x: x, compare=False)  # raw [S, T, I] as the chip hears it
    frames: int = 1  # time steps that the data bring; 1: no time axis of their own
    excerpt: Excerpt | None = field(default=None, compare=False)  # to measure what the code and pooling leave
    readout: Readout | None = None  # what samples with targets ask; None: for their class, once a sample
    anomaly: int | None = None  # of two classes the one that is to be found among the other
    factors: tuple[tuple[int, int], ...] = ()  # ``FACTORS`` of every task by its number; empty without factors
    held_out: tuple[Experience, ...] = ()  # combinations of factors that are never trained

    def outputs_for(self, classes: Sequence[int]) -> int:
        """Output units of an expert for these classes: one each, or those of the read-out."""
        return len(classes) if self.readout is None else len(self.readout.names)

    @property
    def temporal(self) -> bool:
        """Whether the data have a time axis of their own."""
        return self.frames > 1


def check_names(origin: str, names: Iterable[str]) -> None:
    """Whether names can be shown in tables and messages.

    Raises:
        ValueError: one cannot.
    """
    for name in names:
        if not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
            raise ValueError(
                f"{origin}: the name {shown(name)!r} of a class or task cannot be shown; give 1 to "
                f"{LONGEST_NAME} printable characters"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """What a loader hands over: a data set before it is pooled, split and cut. ValueError if it is unfit."""

    origin: str  # the file, or the name of the stream: error messages begin with it
    x: Floats | Rendered  # [S, T or 1, I] firing probability a step
    y: Ints  # [S] class, 0..classes-1
    class_names: tuple[str, ...]  # one a class
    steps: int  # T if the options name none
    domain: Ints | None = None  # [S] 0..domains-1: a speaker, or the user's own task
    domain_names: tuple[str, ...] = ()  # one a domain
    tasks: bool = False  # setting class and task: the label sets of the domains are the experiences
    part: NDArray[np.str_] | None = None  # [S] train, validation, test; what is missing is drawn from train
    targets: Floats | None = None  # [S, T, O] what outputs should be; y is then the task, and steps is T
    weights: Floats | None = None  # [S, T] of the steps in the loss, where there are targets
    readout: Readout | None = None  # with targets
    image: tuple[int, int] | None = None  # rows and columns of pixels, if the channels are an image
    planes: int = (
        1  # images beside each other, such as the polarities of a sensor: channels are planes x rows x columns
    )
    notes: tuple[str, ...] = ()
    anomaly: str = ""  # name of the class that is to be found among the other; empty: none unless the options name one
    factors: tuple[tuple[int, int], ...] = ()  # of every domain, where domains are combinations of two factors
    held_out: int = 0  # of them the last ones, which are never trained

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the channels: (I,), (rows, columns) or (planes, rows, columns)."""
        if self.image is None:
            return self.x.shape[2:]
        return self.image if self.planes == 1 else (self.planes, *self.image)

    def __post_init__(self) -> None:
        if self.x.ndim != 3 or 0 in self.x.shape:
            raise ValueError(f"{self.origin}: x has shape {self.x.shape}; give [samples, time, channels], none 0")
        faults = Faults(self.origin)
        for check in (self._check_x, self._check_y, self._check_names, self._check_steps, self._check_image):
            with faults.during():
                check()
        if self.readout is not None:
            with faults.during():
                self._check_targets(self.readout)
        if self.domain is not None:
            with faults.during():
                self._check_domain(self.domain)
        if self.part is not None:
            with faults.during():
                check_parts(self.origin, self.part, len(self.x))
        faults.tell()

    def _check_names(self) -> None:
        check_names(self.origin, (*self.class_names, *self.domain_names))

    def _check_steps(self) -> None:
        if self.steps < 1:
            raise ValueError(f"{self.origin}: steps = {self.steps}; a loader must give at least 1 time step")

    def _check_image(self) -> None:
        if self.image is not None and math.prod(self.shape) != self.x.shape[2]:
            what = f"image {self.image}" if self.planes == 1 else f"shape {self.shape}"
            raise ValueError(
                f"{self.origin}: {what} does not match {self.x.shape[2]} channels; its sides multiplied must be that"
            )

    def _check_domain(self, domain: Ints) -> None:
        check_length(self.origin, "task" if self.tasks else "domain", domain, len(self.x))
        if not np.array_equal(np.unique(domain), np.arange(len(self.domain_names))):
            raise ValueError(f"{self.origin}: the domains must be numbered from 0 without gaps, one name each")

    def _check_x(self) -> None:
        if not (isinstance(self.x, Rendered) and self.x.spikes):
            for rows, part in pieces(self.x):
                check_range(self.origin, "x", part, rows.start)

    def _check_targets(self, readout: Readout) -> None:
        samples, frames = self.x.shape[:2]
        steps = self.steps if frames == 1 else frames
        check_asked(f"{self.origin}:", (samples, steps, len(readout.names)), self.targets, self.weights, readout.loss)

    def _check_y(self) -> None:
        check_length(self.origin, "y", self.y, len(self.x))
        labels = np.unique(self.y)
        if labels[0] < 0:
            raise ValueError(f"{self.origin}: y contains {labels[0]}; labels must be 0, 1, 2 and so on")
        gaps = np.flatnonzero(labels != np.arange(len(labels)))
        if len(gaps):
            raise ValueError(
                f"{self.origin}: y has no sample of class {gaps[0]} but one of class {labels[-1]}; number "
                "the classes without gaps: y = numpy.unique(y, return_inverse=True)[1]"
            )
        if len(labels) < 2 and self.readout is None:
            raise ValueError(f"{self.origin}: y holds a single class; give samples of at least 2")
        if len(self.class_names) != len(labels):
            raise ValueError(f"{self.origin}: {len(self.class_names)} class names for {len(labels)} classes")


def check_length(origin: str, name: str, values: NDArray[np.generic], samples: int) -> None:
    """Whether there is one value a sample.

    Raises:
        ValueError: there is not.
    """
    if values.shape != (samples,):
        raise ValueError(f"{origin}: {name} has shape {values.shape}, x has {samples} samples; give one value a sample")


def check_parts(origin: str, part: NDArray[np.str_], samples: int) -> None:
    """Whether there is the name of a part for every sample.

    Raises:
        ValueError: there is not, or it is none.
    """
    check_length(origin, "part", part, samples)
    unknown = sorted(set(part.tolist()) - set(PARTS))
    if unknown:
        raise ValueError(f"{origin}: part contains {shown(unknown[0])!r}; write train, validation or test")


@dataclass(frozen=True)
class GeneratedTask:
    """One task of a ``Generated``; labels and indices of its samples are of no account."""

    name: str
    train: Samples
    validation: Samples
    test: Samples
    novel: Samples | None = None

    @property
    def parts(self) -> dict[str, Samples]:
        """Those that there are, by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test, "novel": self.novel}
        return {name: samples for name, samples in parts.items() if samples is not None}

    def changed(self, change: Callable[[str, Samples], Samples]) -> GeneratedTask:
        """The task with every part changed; the name of the part is told."""
        parts = {part: change(part, samples) for part, samples in self.parts.items()}
        return GeneratedTask(self.name, parts["train"], parts["validation"], parts["test"], parts.get("novel"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Generated:
    """What a loader may hand over instead of ``Loaded``: tasks that it made, cut into parts, asked at single steps.

    ValueError if it is unfit.
    """

    origin: str  # the name of the stream: error messages begin with it
    tasks: tuple[GeneratedTask, ...]  # every sample with targets [T, O] and weights [T]
    readout: Readout
    notes: tuple[str, ...] = ()

    @property
    def steps(self) -> int:
        """T, of all samples."""
        return int(self.tasks[0].train.x.shape[1])

    @property
    def channels(self) -> int:
        """I, of all samples."""
        return int(self.tasks[0].train.x.shape[2])

    def __post_init__(self) -> None:
        if not self.tasks:
            raise ValueError(f"{self.origin}: there are no tasks; a loader must give at least one")
        names = [task.name for task in self.tasks]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.origin}: two tasks have the same name, {', '.join(names)}; give every one its own")
        check_names(self.origin, names)
        for task in self.tasks:
            for part, samples in task.parts.items():
                where = f"{self.origin}: {part} part of task {task.name}:"
                if samples.x.ndim != 3 or samples.x.shape[1:] != (self.steps, self.channels) or not len(samples):
                    raise ValueError(
                        f"{where} x has shape {samples.x.shape}; give [samples, {self.steps}, {self.channels}], as the "
                        "first task has, and at least one sample"
                    )
                shape = (len(samples), self.steps, len(self.readout.names))
                check_asked(where, shape, samples.targets, samples.weights, self.readout.loss)
