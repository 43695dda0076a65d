"""The course of trials in which stimuli appear on two rings: inputs, targets and weights, step by step. Knows no task.

Inputs are a fixation neuron, two rings of neurons that prefer directions all around (one a modality), and a line for
each rule. A stimulus of strength s at direction a makes the neuron that prefers b fire with probability
s / 2 exp(-d^2 / 2 (pi / 8)^2) in every step, with d the angle between a and b. Outputs are fixation, and cosine and
sine of the direction of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.spikes.rendered import Rendered
from smalti.scheduler.streams.types import Floats, Ints, Samples

OUTPUTS = ("fixation", "cosine", "sine")
FIXATION, BEST, RULE = 0.95, 0.5, 0.5  # firing probabilities: fixation, the best neuron at strength 1, the rule's line
WIDTH = np.pi / 8  # of a bump
FREE, GRACE, RESPONSE = 2, 3, 10  # steps: at the beginning, after the go and of the whole response
PHASES = (1.0, 5.0)  # weights of a step before the go, and of one in the response

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Stimulus:
    """What appears once in each of S trials."""

    modality: Ints  # [S] ring, 0 or 1
    direction: Numbers  # [S] radians
    strength: Numbers  # [S]
    on: Ints  # [S] first step
    off: Ints  # [S] step after the last


@dataclass(frozen=True)
class Course:
    """What happens in S trials of a task."""

    stimuli: tuple[Stimulus, ...]
    go: Ints  # [S] step at which the response begins
    answer: Numbers  # [S] radians; NaN: keep fixating
    fixated: bool  # whether the fixation input stays until the end of the response; else until the go

    @property
    def end(self) -> Ints:
        """Step after the last one of the response [S]."""
        return self.go + RESPONSE


@dataclass(frozen=True)
class Inputs:
    """How a course is shown."""

    ring: int  # neurons of a ring
    rules: tuple[bool, ...]  # of the lines of rules, those that fire
    offset: float  # radians by which the rings are turned against the answers
    order: Ints | None = None  # [2 ring] which neuron stands where; None: as they prefer
    noise: float = 0.0  # chance in a step that a neuron of the rings fires without a stimulus

    @property
    def channels(self) -> int:
        """I."""
        return 1 + 2 * self.ring + len(self.rules)


def samples_of(course: Course, inputs: Inputs, steps: int) -> Samples:
    """The trials of a course, rendered when they are asked for."""
    count = len(course.go)
    x = Rendered(lambda rows: shown(course, inputs, steps, rows), np.arange(count), steps, inputs.channels)
    nothing = np.zeros(count, dtype=np.int64)
    return Samples(x, nothing, nothing, targets(course, steps), weights(course, steps))


def shown(course: Course, inputs: Inputs, steps: int, rows: Ints) -> Floats:
    """Firing probabilities [s, T, I] of some of the trials."""
    time, ring = np.arange(steps), inputs.ring
    preferred = np.arange(ring) * 2 * np.pi / ring
    x = np.zeros((len(rows), steps, inputs.channels), dtype=np.float32)
    until = (course.end if course.fixated else course.go)[rows]
    x[:, :, 0] = FIXATION * (time < until[:, None])
    for stimulus in course.stimuli:
        apart = between(stimulus.direction[rows, None] + inputs.offset, preferred)
        bump = BEST * stimulus.strength[rows, None] * np.exp(-((apart / WIDTH) ** 2) / 2)  # [s, ring]
        lasts = (time >= stimulus.on[rows, None]) & (time < stimulus.off[rows, None])  # [s, T]
        rings = (bump[:, None] * (stimulus.modality[rows, None] == (0, 1))[:, :, None]).reshape(-1, 2 * ring)
        x[:, :, 1 : 1 + 2 * ring] += lasts[:, :, None] * rings[:, None, :]
    np.minimum(x, np.float32(1), out=x)
    if inputs.order is not None:
        x[:, :, 1 : 1 + 2 * ring] = x[:, :, 1 + inputs.order]
    if inputs.noise:
        x[:, :, 1 : 1 + 2 * ring] += np.float32(inputs.noise) * (1 - x[:, :, 1 : 1 + 2 * ring])
    x[:, :, 1 + 2 * ring :] = RULE * np.array(inputs.rules)
    return x


def targets(course: Course, steps: int) -> Floats:
    """Fixation, cosine and sine [S, T, 3] that are asked for."""
    responds = (np.arange(steps) >= course.go[:, None]) & ~np.isnan(course.answer)[:, None]
    answer = np.nan_to_num(course.answer)[:, None]
    values = (~responds, responds * np.cos(answer), responds * np.sin(answer))
    return np.stack(values, axis=2).astype(np.float32)


def weights(course: Course, steps: int) -> Floats:
    """Weights [S, T]: none at first, 1 until the go, none in the time that is given to react, 5 until the end."""
    time, go = np.arange(steps), course.go[:, None]
    before, after = (time >= FREE) & (time < go), (time >= go + GRACE) & (time < course.end[:, None])
    return (PHASES[0] * before + PHASES[1] * after).astype(np.float32)


def between(a: Numbers, b: Numbers) -> Numbers:
    """Angle between two directions, 0 to pi."""
    return np.asarray(np.abs((a - b + np.pi) % (2 * np.pi) - np.pi))
