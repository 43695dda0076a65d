"""The student-teacher experiment of GradMax (Evci et al. 2022, arXiv 2201.05125): which growth learns a teacher best?

A teacher of 10-10-10 neurons, rectified, without biases, labels 1,000 Gaussian points. A student of 10-5-10 neurons
learns them and gets one neuron every 200 of 1,500 steps, five times. All students of one method learn at once, with
batched matrix products; the loop is over steps only. Knows no files and no statistics.

Shapes as in ``student_growth``: S students, B points, H hidden neurons, I inputs, O outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial
from typing import Literal, NamedTuple

import numpy as np

from smalti.model import memory
from smalti.model.options import ranges
from smalti.model.options.values import settle
from smalti.scheduler.experiments.students.student_growth import METHODS, Floats, Method, Scene
from smalti.scheduler.randomness import Use, generator

NEURONS = 10  # inputs, hidden neurons of the teacher, and outputs
STEPS = 1500
INTERVAL = 200  # steps between two births
ARRAYS = 6  # of float64 [S, NEURONS, B] that are held at once
TOTAL_STEPS = STEPS * len(METHODS)
PUBLISHED = {"small": 0.40, "random_uniform": 0.23, "gradmax": 0.094, "big": 0.041}
"""Training losses after the last step, with SGD, read off the official plot; from large to small."""

Watch = Callable[[str], None]  # told after every step of which method it was


@dataclass(frozen=True, kw_only=True)
class StudentTeacherOptions:
    """Size of the student-teacher experiment.

    Attributes:
        teachers: teachers, each with points of its own; they differ much, so fewer than 16 show nothing.
        seeds: students of every teacher and method; they differ in their first weights.
        seed: seed of all random numbers.
        points: points that a teacher labels, all of them in every step.
        optimiser: sgd (learning rate 0.1, as published) or adam (0.01).
        quick: shrink to seconds, to try things out: 4 teachers, 1 seed, 200 points at most.
    """

    teachers: int = 16
    seeds: int = 3
    seed: int = 0
    points: int = 1000
    optimiser: Literal["sgd", "adam"] = "sgd"
    quick: bool = False

    def __post_init__(self) -> None:
        settle(self, "")
        ranges.at_least("", self, 1, "teachers", "seeds", most=10_000)
        ranges.not_negative("", self, "seed", most=ranges.SEED)
        ranges.at_least("", self, NEURONS, "points")  # as many as there are inputs
        if self.teachers * (1 if self.quick else self.seeds) < 2:
            raise ValueError("a single student has no spread; give at least 2 teachers, or 2 seeds without quick")

    def resolved(self) -> StudentTeacherOptions:
        """The options with ``quick`` spelled out."""
        if not self.quick:
            return self
        return replace(self, teachers=min(self.teachers, 4), seeds=1, points=min(self.points, 200), quick=False)


class Draw(IntEnum):
    """What random numbers of this experiment are for."""

    TEACHER = 0
    POINTS = 1
    STUDENT = 2  # further key: hidden neurons at first
    BIRTH = 3


class Moments(NamedTuple):
    """What Adam remembers of one array of weights."""

    first: Floats
    second: Floats


def sgd(gradient: Floats, moments: Moments, age: Floats) -> Floats:
    """Direction of plain gradient descent."""
    return gradient


def adam(gradient: Floats, moments: Moments, age: Floats) -> Floats:
    """Direction of Adam (Kingma & Ba 2015, arXiv 1412.6980); weights of a newborn count their own steps.

    Args:
        gradient: of one array of weights.
        moments: of the same shape; changed in place.
        age: steps since birth, this one included; broadcasts to the gradient.
    """
    first, second = moments
    first += 0.1 * (gradient - first)
    second += 0.001 * (gradient**2 - second)
    return first / (1.0 - 0.9**age) / (np.sqrt(second / (1.0 - 0.999**age)) + 1e-8)


OPTIMISERS = {"sgd": (sgd, 0.1), "adam": (adam, 0.01)}
"""Name -> direction and learning rate."""


class Problem:
    """Points and targets of all students, and the memory of their passes (fresh memory costs more than they do)."""

    def __init__(self, x: Floats, target: Floats, hidden: int) -> None:
        """For x [S, I, B], target [S, O, B] and students of so many hidden neurons."""
        self.x, self.target = x, target
        self.adjoint = np.empty_like(target)  # dL/dz of the last pass
        self._hidden, self._back = (np.empty((len(x), hidden, x.shape[2])) for _ in range(2))
        self._open = np.empty(self._hidden.shape, dtype=bool)

    def loss(self, fan_in: Floats, fan_out: Floats) -> Floats:
        """Squared error of every student, mean over points and outputs, [S]."""
        np.matmul(fan_in, self.x, out=self._hidden)
        np.greater_equal(self._hidden, 0.0, out=self._open)  # the derivative at 0 is 1
        np.maximum(self._hidden, 0.0, out=self._hidden)
        np.matmul(fan_out, self._hidden, out=self.adjoint)
        np.subtract(self.adjoint, self.target, out=self.adjoint)
        loss: Floats = np.einsum("sob,sob->s", self.adjoint, self.adjoint) / self.target[0].size
        self.adjoint *= 2.0 / self.target[0].size
        return loss

    def gradients(self, fan_in: Floats, fan_out: Floats) -> tuple[Floats, Floats]:
        """Gradients of the fan-in and the fan-out at the weights of the last ``loss``."""
        np.matmul(fan_out.swapaxes(1, 2), self.adjoint, out=self._back)
        np.multiply(self._back, self._open, out=self._back)
        return self._back @ self.x.swapaxes(1, 2), self.adjoint @ self._hidden.swapaxes(1, 2)


def teachers(options: StudentTeacherOptions) -> tuple[Floats, Floats]:
    """Points x [S, I, B] ~ N(0, 1) and what the teachers answer [S, O, B], repeated for the seeds of each teacher."""
    shape = (options.teachers, NEURONS, NEURONS)
    chance = generator(options.seed, Use.COMPARISON, Draw.TEACHER)
    fan_in, fan_out = (chance.uniform(-1.0, 1.0, shape) for _ in range(2))
    points = generator(options.seed, Use.COMPARISON, Draw.POINTS)
    x = points.normal(size=(options.teachers, NEURONS, options.points))
    answers = fan_out @ np.maximum(fan_in @ x, 0.0)
    return np.repeat(x, options.seeds, axis=0), np.repeat(answers, options.seeds, axis=0)


def first_weights(options: StudentTeacherOptions, method: Method) -> tuple[Floats, Floats]:
    """Fan-in [S, H, I] and fan-out [S, O, H], Glorot uniform; neurons not yet born have zeros on both sides.

    So they answer nothing and get no gradient. Methods that start with equally many neurons start with the same.
    """
    students, width = options.teachers * options.seeds, method.start + method.births
    chance = generator(options.seed, Use.COMPARISON, Draw.STUDENT, method.start)
    limit = np.sqrt(6.0 / (NEURONS + method.start))
    fan_in, fan_out = np.zeros((students, width, NEURONS)), np.zeros((students, NEURONS, width))
    drawn = chance.uniform(-limit, limit, (students, 2, method.start, NEURONS))
    fan_in[:, : method.start], fan_out[:, :, : method.start] = drawn[:, 0], drawn[:, 1].swapaxes(1, 2)
    return fan_in, fan_out


@np.errstate(over="ignore", invalid="ignore")  # divergence is told in the end, in words
def train(method: Method, options: StudentTeacherOptions, watch: Callable[[], None]) -> Floats:
    """Training loss of every student before every step and after the last, [STEPS + 1, S].

    Raises:
        FloatingPointError: training has diverged.
    """
    fan_in, fan_out = first_weights(options, method)
    problem = Problem(*teachers(options), fan_in.shape[1])
    chance = generator(options.seed, Use.COMPARISON, Draw.BIRTH)
    direction, rate = OPTIMISERS[options.optimiser]
    moments_in, moments_out = (Moments(np.zeros_like(w), np.zeros_like(w)) for w in (fan_in, fan_out))
    age = np.zeros(fan_in.shape[1])  # steps since birth; nothing moves before
    losses = np.empty((STEPS + 1, len(fan_in)))
    for step in range(STEPS):
        births, rest = divmod(step, INTERVAL)
        if rest == 0 and 0 < births <= method.births:
            slot = method.start + births - 1
            add_neuron(method, slot, problem, fan_in, fan_out, chance)
            age[slot] = 0.0
        losses[step] = problem.loss(fan_in, fan_out)
        gradient_in, gradient_out = problem.gradients(fan_in, fan_out)
        age += 1.0
        fan_in -= rate * direction(gradient_in, moments_in, age[:, None])
        fan_out -= rate * direction(gradient_out, moments_out, age)
        watch()
    losses[STEPS] = problem.loss(fan_in, fan_out)
    if not np.isfinite(losses).all():
        raise FloatingPointError("a student's training loss is no longer finite; training has diverged")
    return losses


def add_neuron(
    method: Method, slot: int, problem: Problem, fan_in: Floats, fan_out: Floats, chance: np.random.Generator
) -> None:
    """Let every student grow the neuron of this slot; the weights change in place."""
    assert method.grow is not None
    problem.loss(fan_in, fan_out)
    scene = Scene(fan_in=fan_in[:, :slot], fan_out=fan_out[:, :, :slot], x=problem.x, adjoint=problem.adjoint)
    fan_in[:, slot], fan_out[:, :, slot] = method.grow(scene, chance)


def check_memory(options: StudentTeacherOptions) -> None:
    """Whether all students fit into memory.

    Raises:
        ValueError: they do not.
    """
    options = options.resolved()
    students = options.teachers * options.seeds
    taken = ARRAYS * 8 * students * NEURONS * options.points + 8 * len(METHODS) * students * STEPS
    memory.require(taken, f"{students:,} students of {options.points:,} points", "teachers, seeds or points")


def run(options: StudentTeacherOptions, watch: Watch) -> dict[str, Floats]:
    """Losses [STEPS + 1, S] of every method; student s belongs to teacher s // seeds."""
    options = options.resolved()
    return {name: train(method, options, partial(watch, name)) for name, method in METHODS.items()}
