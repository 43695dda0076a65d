"""Two classes, yes and no, in several conditions of the same inputs: as tasks of two classes, or as domains."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.types import Floats, Ints, Loaded

Draw = Callable[[int, Ints, np.random.Generator], Floats]  # condition, answers 0 or 1 [S], chance -> x [S, T, I]


def loaded(
    options: StreamOptions,
    conditions: Sequence[int],
    samples: int,
    answers: tuple[str, str],
    draw: Draw,
) -> Loaded:
    """So many samples of every condition, one answer as often as the other.

    In setting domain the conditions share the two answers as classes; in the others they have two classes each.

    Raises:
        ValueError: a path is given.
    """
    origin = options.name
    if options.path:
        raise ValueError(f"stream.path = {options.path!r}: the stream {origin} is made; leave the path empty")
    x: list[Floats] = []
    y: list[Ints] = []
    for condition in conditions:
        chance = np.random.default_rng(np.random.SeedSequence(options.split_seed, spawn_key=(condition,)))
        answer = chance.permutation(np.arange(samples) % 2)
        x.append(draw(condition, answer, chance))
        y.append(answer)
    domain = np.repeat(np.arange(len(conditions)), samples)
    shared = options.setting == "domain"
    together = np.concatenate(x)
    labels: Ints = np.concatenate(y) if shared else np.concatenate(y) + 2 * domain
    return Loaded(
        origin=origin,
        x=together,
        y=labels,
        class_names=answers if shared else tuple(f"{name} {c}" for c in conditions for name in answers),
        steps=together.shape[1],
        domain=domain,
        domain_names=tuple(map(str, conditions)),
        tasks=not shared,
        notes=(f"{origin} made by stream.split_seed: {', '.join(map(str, conditions))}",),
    )


def pulse(x: Floats, rows: Ints, on: Ints, length: int, channels: Ints, probability: float) -> None:
    """Let channels [s, c] of some samples [s] fire with a probability for some steps from ``on`` [s], in place."""
    times = on[:, None] + np.arange(length)
    x[rows[:, None, None], times[:, :, None], channels[:, None, :]] = probability
