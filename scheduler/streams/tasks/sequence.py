"""The order in time of another stream's samples: played forwards or backwards, or one after another of two classes.

Of a whole sample both classes have the same counts by construction: what tells them apart is when a channel fires.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from smalti.model.options.values import choices
from smalti.scheduler.streams import splits
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.types import Generated, Ints, Loaded

Loader = Callable[[StreamOptions], Loaded | Generated]
NAME = "order"


def load_order(options: StreamOptions, streams: Mapping[str, Loader]) -> Loaded:
    """The samples of the stream that ``stream.sequence.of`` names, in two orders.

    Raises:
        ValueError: there is no such stream, or its samples cannot be played so.
    """
    own = options.sequence
    usual = [name for name in streams if name != NAME]
    if own.of not in usual:
        raise ValueError(f"stream.sequence.of = {own.of!r} is no stream that has an order; {choices(own.of, usual)}")
    pairs = own.how == "pairs"
    if pairs and options.steps % 2:
        raise ValueError(f"stream.steps = {options.steps} cannot be shared by two samples; give an even number, or 0")
    steps = options.steps // 2 if pairs else options.steps
    given = streams[own.of](replace(options, name=own.of, steps=steps))
    if isinstance(given, Generated):
        raise ValueError(f"stream.sequence.of = {own.of!r} asks for answers in time; take a stream of labelled samples")
    parts = _parts(given, options)
    return _pairs(given, parts, options) if pairs else _backwards(given, parts)


def _parts(given: Loaded, options: StreamOptions) -> dict[str, Ints]:
    """The parts of the samples: those of one are never in two parts, in whatever order they are played."""
    if options.hold_out:
        given = splits.hold_out(given, options.hold_out)
    return splits.split(given, replace(options, limit=0))


def _backwards(given: Loaded, parts: dict[str, Ints]) -> Loaded:
    """Every sample twice: forwards, as class 2 c, and backwards, as class 2 c + 1."""
    if given.x.shape[1] == 1:
        raise ValueError(
            f"{given.origin} has no time axis, so it is the same backwards; set stream.sequence.how to pairs, or take "
            "another stream.sequence.of"
        )
    rows = np.concatenate(list(parts.values()))
    part = np.repeat(list(parts), [len(own) for own in parts.values()])
    forwards = given.x[rows]
    names = tuple(f"{name} {way}" for name in given.class_names for way in ("forwards", "backwards"))
    y = np.concatenate([2 * given.y[rows], 2 * given.y[rows] + 1])
    x = np.concatenate([forwards, forwards[:, ::-1]])
    return _played(given, x, y, names, np.tile(rows, 2), np.tile(part, 2), "every sample forwards and backwards")


def _pairs(given: Loaded, parts: dict[str, Ints], options: StreamOptions) -> Loaded:
    """Samples of classes 2 c and 2 c + 1 after each other, as class 2 c, and in the other order, as class 2 c + 1."""
    chance = np.random.default_rng(np.random.SeedSequence(options.split_seed, spawn_key=(0, 1)))
    names: list[str] = []
    first, second, labels, part = [], [], [], []
    for label in range(0, len(given.class_names) - 1, 2):
        one, other = given.class_names[label : label + 2]
        names += [f"{one} then {other}", f"{other} then {one}"]
        for name, rows in parts.items():
            for group in _groups(given, rows):
                a, b = (chance.permutation(group[given.y[group] == kind]) for kind in (label, label + 1))
                count = min(len(a), len(b))
                first += [a[:count], b[:count]]
                second += [b[:count], a[:count]]
                labels.append(np.repeat([label, label + 1], count))
                part += [name] * (2 * count)
    begin, end = np.concatenate(first), np.concatenate(second)
    x = np.concatenate([given.x[begin], given.x[end]], axis=1)
    given = replace(given, steps=2 * given.steps)
    note = "samples of two classes after each other, in both orders"
    return _played(given, x, np.concatenate(labels), tuple(names), begin, np.array(part), note)


def _groups(given: Loaded, rows: Ints) -> list[Ints]:
    """The rows by domain, so that both halves of a pair are of one speaker."""
    if given.domain is None:
        return [rows]
    return [rows[given.domain[rows] == code] for code in range(len(given.domain_names))]


def _played(
    given: Loaded, x: np.ndarray, y: Ints, names: tuple[str, ...], rows: Ints, part: np.ndarray, note: str
) -> Loaded:
    """The data set in its new orders; ``rows`` says whose domain a sample has."""
    return replace(
        given,
        x=x,
        y=y,
        class_names=names,
        domain=None if given.domain is None or given.tasks else given.domain[rows],
        domain_names=() if given.tasks else given.domain_names,
        tasks=False,
        part=part,
        notes=(*given.notes, note),
    )
