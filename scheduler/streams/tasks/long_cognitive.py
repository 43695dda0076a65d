"""A long stream of cognitive tasks of unequal difficulty, each shown in some way: inputs alone do not answer most.

Every task is one of the kinds of ``stream.cognitive``, shown in some view. A view turns the rings against the answers,
permutes their neurons (or leaves them), lets them fire without a stimulus with some chance, and has a longest delay. A
task takes the view of an earlier one with the chance ``related``, and a kind that has not been shown so; else a new
view. Neurons that answer one task can be read for another of the same view, and for the same kind where rings are only
turned; where they are permuted, a direction looks like none that has been seen. All is drawn from
``stream.split_seed``; the notes of the stream say what was drawn.

Where the rule is told, a line of its own fires for every kind, and half of a few lines for every view.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations, islice

import numpy as np

from smalti.scheduler.streams.made_options import COGNITIVE, LongCognitiveOptions
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.tasks.cognitive import STEPS, made_task
from smalti.scheduler.streams.tasks.course import OUTPUTS, Inputs
from smalti.scheduler.streams.types import Generated, Ints, Readout

NAME = "long-cognitive"
SHARES = (8, 4, 8)  # of the training trials as one validates, tests, and is novel: many tasks are asked again and again


@dataclass(frozen=True)
class View:
    """How a task shows trials."""

    number: int  # in the order in which they were drawn
    order: Ints | None  # of the neurons of both rings
    offset: float  # degrees
    delay: int  # the longest of training
    noise: float  # chance that a neuron of the rings fires without a stimulus

    def __str__(self) -> str:
        """What was drawn, in words."""
        moved = "" if self.order is None else " permuted"
        return f"{self.number}:{moved} turned {self.offset:g} delays to {self.delay} noise {self.noise:g}"


def load_long_cognitive(options: StreamOptions) -> Generated:
    """Many cognitive tasks of unequal difficulty, to be answered in time.

    Raises:
        ValueError: a path or offsets of the stream cognitive are given, or the trials do not fit the time steps.
    """
    _check(options)
    own, steps = options.cognitive, options.steps or STEPS
    kinds = own.tasks or COGNITIVE
    drawn = _tasks(options.long_cognitive, kinds, own.ring, options.split_seed)
    views = {view.number: view for _, view in drawn}
    codes = _codes(len(views)) if own.rule == "told" else []
    sizes = (own.trials, *(max(1, own.trials // share) for share in SHARES))
    tasks = []
    for number, (kind, view) in enumerate(drawn):
        lines = (*(kind == one for one in kinds), *codes[view.number]) if codes else ()
        inputs = Inputs(own.ring, lines, np.radians(view.offset), view.order, view.noise)
        longest = replace(own, delays=(own.delays[0], view.delay))
        key = options.split_seed, number
        tasks.append(made_task(kind, f"{kind} {view.number}", longest, inputs, steps, key, sizes))
    said = f"{len(tasks)} cognitive tasks made by stream.split_seed; rules {own.rule}, rings of {own.ring}"
    readout = Readout(OUTPUTS, loss="squared_error", score="direction")
    notes = (said, f"ways to show trials, the number behind a task's name: {'; '.join(map(str, views.values()))}")
    return Generated(origin=NAME, tasks=tuple(tasks), readout=readout, notes=notes)


def _check(options: StreamOptions) -> None:
    own, shortest = options.cognitive, options.cognitive.delays[0]
    if options.path:
        raise ValueError(f"stream.path = {options.path!r}: the stream {NAME} is made; leave the path empty")
    if own.offset != (0.0,):
        raise ValueError(
            f"stream.cognitive.offset = {list(own.offset)} turns the rings of the stream cognitive; "
            f"those of {NAME} are turned by stream.long_cognitive.offset"
        )
    if min(options.long_cognitive.delays) < shortest:
        raise ValueError(
            f"stream.long_cognitive.delays = {list(options.long_cognitive.delays)} holds a longest delay below the "
            f"shortest, {shortest}: give {shortest} or more, or lower stream.cognitive.delays"
        )


def _tasks(own: LongCognitiveOptions, kinds: tuple[str, ...], ring: int, seed: int) -> list[tuple[str, View]]:
    """Kind and view of every task; none comes twice."""
    chance = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, 0, 0, 1)))
    drawn: list[tuple[str, View]] = []
    left: list[tuple[View, list[str]]] = []  # views, and the kinds that have not been shown so
    for _ in range(own.tasks):
        some = [place for place, (_, unseen) in enumerate(left) if unseen]
        if some and chance.random() < own.related:
            view, unseen = left[some[int(chance.integers(len(some)))]]
        else:
            view, unseen = _view(len(left), own, ring, chance), list(kinds)
            left.append((view, unseen))
        drawn.append((unseen.pop(int(chance.integers(len(unseen)))), view))
    return drawn


def _view(number: int, own: LongCognitiveOptions, ring: int, chance: np.random.Generator) -> View:
    order = chance.permutation(2 * ring) if chance.random() < own.permuted else None
    offset, delay, noise = (chance.choice(values) for values in (own.offset, own.delays, own.noise))
    return View(number, order, float(offset), int(delay), float(noise))


def _codes(count: int) -> list[tuple[bool, ...]]:
    """For each of so many views another half of as few lines as will do."""

    lines = next(n for n in range(1, count + 2) if math.comb(n, n // 2) >= count)
    halves = islice(combinations(range(lines), lines // 2), count)
    return [tuple(line in half for line in range(lines)) for half in halves]
