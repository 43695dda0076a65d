"""Tasks of two factors: samples of another stream in some view, each with some question about them.

Every combination of a view and a question is a task, with classes of its own. A view permutes the channels, turns and
mirrors images, or is a domain that the other stream brings, such as a speaker. A question is one of two kinds:

- ``names``: all classes of the other stream have other names, drawn for the question. Whoever answers must know them
  all, and so what a view has to be brought to for one question is what it has to be brought to for all.
- ``pairs``: two classes are told apart, and no question shows what another one asks about.

A share of the combinations is held out: they are never trained, and their views and questions are, in other
combinations. Everything is drawn from ``stream.split_seed``, but the order in which tasks come
(``scheduler.streams.splits``). A sample stays in its part (train, validation, test) in all tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from smalti.model import memory
from smalti.scheduler.streams import splits
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.tasks.given import Loader, Made, joined, samples_of
from smalti.scheduler.streams.types import Ints, Loaded

NAME = "two-factor"
TURNED = 8  # views that a square image has, mirrored ones included


@dataclass(frozen=True)
class Question:
    """What is asked: the classes of the other stream that are shown, and which answer each of them has."""

    name: str
    shown: Ints  # [c] classes, ascending
    answer: Ints  # [c] 0..answers-1


def load_two_factor(options: StreamOptions, streams: Mapping[str, Loader]) -> Loaded:
    """Tasks of two factors, out of the samples of the stream that ``stream.two_factor.of`` names.

    Raises:
        ValueError: there is no such stream, or it has too few classes, views or domains for what is asked.
    """
    own = options.two_factor
    given = samples_of("stream.two_factor.of", own.of, own.channels, options, streams)
    part_of = np.full(len(given.y), "", dtype="<U10")
    for name, rows in splits.split(given, replace(options, limit=0)).items():  # that is of classes of tasks
        part_of[rows] = name
    views, questions = _views(given, options), _questions(given, options)
    combinations, held = _combinations(options)
    size = len(combinations) * given.x.nbytes // (len(views) if own.views == "domains" else 1)
    memory.require(size, f"{len(combinations):,} tasks", "stream.two_factor.ways, its questions or stream.limit")
    tasks = []
    for task, (way, asked) in enumerate(combinations):
        view, question = views[way], questions[asked]
        rows = np.flatnonzero((part_of != "") & view.shows & np.isin(given.y, question.shown))
        answers = tuple(f"{answer} of {task}" for answer in range(int(question.answer.max()) + 1))
        y = question.answer[np.searchsorted(question.shown, given.y[rows])]
        x = np.asarray(given.x[rows])[:, :, view.order]
        tasks.append(Made(f"{view.name}, {question.name}", x, y, part_of[rows], answers))
    unseen = "; ".join(task.name for task in tasks[len(tasks) - held :])
    rest = f"{held} are not: {unseen}" if held else "and none is held out"
    note = f"{len(tasks) - held} tasks are trained, {rest}"
    return joined(given, NAME, tasks, factors=tuple(combinations), held_out=held, notes=(*given.notes, note))


@dataclass(frozen=True)
class View:
    """How a task shows samples."""

    name: str
    order: Ints  # [I] which channel stands where
    shows: NDArray[np.bool_]  # [S] samples


def _views(given: Loaded, options: StreamOptions) -> list[View]:
    """The values of the first factor."""
    own, channels = options.two_factor, given.x.shape[2]
    all_samples, plain = np.ones(len(given.y), dtype=np.bool_), np.arange(channels)
    if own.views == "domains":
        found = len(given.domain_names)
        if given.domain is None or found < own.ways:
            raise ValueError(
                f"stream.two_factor.ways = {own.ways} asks for as many domains, and {given.origin} has {found}: take "
                "fewer, another stream (fsdd has 6 speakers), or stream.two_factor.views = permuted"
            )
        return [View(name, plain, given.domain == k) for k, name in enumerate(given.domain_names[: own.ways])]
    if own.views == "permuted":
        orders = [plain, *(_random(options, 1 + way).permutation(channels) for way in range(1, own.ways))]
        return [View(f"permuted {way}" if way else "as it is", order, all_samples) for way, order in enumerate(orders)]
    if given.image is None or given.image[0] != given.image[1]:
        raise ValueError(
            f"stream.two_factor.views = turned turns square images, and {given.origin} has none: take permuted"
        )
    if own.ways > TURNED:
        raise ValueError(
            f"stream.two_factor.ways = {own.ways}, but an image can be turned by right angles and mirrored in {TURNED} "
            "ways: take that or fewer, or views = permuted"
        )
    square, views = plain.reshape(given.image), []
    for way in range(own.ways):
        turned = np.rot90(square[:, ::-1] if way >= 4 else square, way % 4)
        views.append(View(f"turned {90 * (way % 4)}{' mirrored' * (way >= 4)}", turned.ravel().copy(), all_samples))
    return views


def _questions(given: Loaded, options: StreamOptions) -> list[Question]:
    """The values of the second factor."""
    own, classes, names = options.two_factor, len(given.class_names), given.class_names
    if own.asks == "names":
        if own.answers > classes:
            raise ValueError(
                f"stream.two_factor.answers = {own.answers}, but {given.origin} has {classes} classes to name: take "
                "that or fewer, or 0 for a name each"
            )
        answers, shown = own.answers or classes, np.arange(classes)
        drawn = [_random(options, 100 + k).permutation(classes) % answers for k in range(own.questions)]
        return [Question(f"names {k}", shown, answer) for k, answer in enumerate(drawn)]
    if 2 * own.questions > classes:
        raise ValueError(
            f"stream.two_factor.questions = {own.questions} pairs take {2 * own.questions} classes, and {given.origin} "
            f"has {classes}: take {classes // 2} or fewer"
        )
    pairs = [np.array([2 * k, 2 * k + 1]) for k in range(own.questions)]
    return [Question(f"{names[pair[0]]} or {names[pair[1]]}", pair, np.arange(2)) for pair in pairs]


def _combinations(options: StreamOptions) -> tuple[list[tuple[int, int]], int]:
    """View and question of every task, those held out last, and how many these are.

    They are drawn one by one among the combinations whose view and whose question keep two others, so that no factor
    is only known from a single task.
    """
    own, chance = options.two_factor, _random(options, 0)
    left = [*product(range(own.ways), range(own.questions))]
    wanted, held = round(own.held_out * len(left)), list[tuple[int, int]]()
    for number in chance.permutation(len(left)).tolist():
        way, asked = number // own.questions, number % own.questions
        of_way = sum(one[0] == way for one in left)
        of_question = sum(one[1] == asked for one in left)
        if len(held) < wanted and min(of_way, of_question) > 2:
            left.remove((way, asked))
            held.append((way, asked))
    return [*left, *sorted(held)], len(held)


def _random(options: StreamOptions, use: int) -> np.random.Generator:
    """One generator a use; the length of its key keeps it apart from those of the split and of other streams."""
    return np.random.default_rng(np.random.SeedSequence(options.split_seed, spawn_key=(0, 0, 0, use)))
