"""Delayed matches: the class is whether two stimuli, far from each other in time, are the same.

In context-match several pairs of rings show a first and a last stimulus each, and a context line says which pair
counts; in match-distractors other stimuli come between the two, on the one ring that there is. Every direction is as
frequent in both classes. The last stimulus of context-match has a ring of its own, for on that of the first the counts
of a whole sample would be more uneven where the two match.
"""

from __future__ import annotations

import numpy as np

from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.tasks import balanced
from smalti.scheduler.streams.types import Floats, Ints, Loaded

LENGTH = 6  # steps of the first and the last stimulus
SHORT = 3  # steps of a distractor
ANSWER = 10  # steps without a stimulus at the end, so that the last one can be answered
BEST, CONTEXT = 0.6, 0.5  # firing probabilities: the neuron of the direction, the line of the context
WIDTH = 0.7  # of a bump, in neurons

Random = np.random.Generator


def load_context_match(options: StreamOptions) -> Loaded:
    """Whether two stimuli match on the one of several rings that a context names, after a delay."""
    own = options.match
    size, longest = own.directions, max(own.delays)

    def draw(delay: int, answer: Ints, chance: Random) -> Floats:
        samples = len(answer)
        x = np.zeros((samples, longest + 2 * LENGTH + ANSWER, own.rings * (2 * size + 1)), dtype=np.float32)
        context = chance.integers(0, own.rings, samples)
        for ring, same in enumerate(matching(own.rings, context, answer, chance)):
            first, last = pairs(size, same, chance)
            _show(x, 2 * ring * size, size, longest - delay, LENGTH, first)
            _show(x, (2 * ring + 1) * size, size, longest + LENGTH, LENGTH, last)
        x[np.arange(samples), :, 2 * own.rings * size + context] = CONTEXT
        return x

    return balanced.loaded(options, own.delays, own.samples, ("other", "match"), draw)


def load_match_distractors(options: StreamOptions) -> Loaded:
    """Whether the last stimulus matches the first one, with others in between.

    Raises:
        ValueError: the distractors do not fit the delay.
    """
    own = options.match
    size, longest = own.directions, max(own.delays)
    if own.distractors * SHORT > min(own.delays):
        raise ValueError(
            f"stream.match.distractors = {own.distractors} take {own.distractors * SHORT} time steps, and the shortest "
            f"of stream.match.delays is {min(own.delays)}; give fewer, or longer delays"
        )

    def draw(delay: int, answer: Ints, chance: Random) -> Floats:
        samples = len(answer)
        x = np.zeros((samples, longest + 2 * LENGTH + ANSWER, size), dtype=np.float32)
        first, last = pairs(size, answer, chance)
        begin = longest - delay
        _show(x, 0, size, begin, LENGTH, first)
        each = delay // own.distractors
        for number in range(own.distractors):
            at = begin + LENGTH + number * each + (each - SHORT) // 2
            _show(x, 0, size, at, SHORT, chance.integers(0, size, samples))
        _show(x, 0, size, longest + LENGTH, LENGTH, last)
        return x

    return balanced.loaded(options, own.delays, own.samples, ("other", "match"), draw)


def matching(rings: int, context: Ints, answer: Ints, chance: Random) -> Ints:
    """Which of the rings have a match [rings, S]: as many where the context's has one as where it has none.

    So whoever knows of every ring whether it has a match, but does not heed the context, knows nothing.
    """
    samples = len(answer)
    others = chance.integers(1, rings, samples) - answer  # rings with a match beside that of the context
    rank = chance.random((rings, samples))
    rank[context, np.arange(samples)] = np.inf
    same: Ints = (rank.argsort(axis=0).argsort(axis=0) < others).astype(np.int64)
    same[context, np.arange(samples)] = answer
    return same


def pairs(size: int, same: Ints, chance: Random) -> tuple[Ints, Ints]:
    """Two directions [S] each, the same or different ones as ``same`` says; each direction alike in both."""
    first = chance.integers(0, size, len(same))
    other = (first + chance.integers(1, size, len(same))) % size
    return first, np.where(same == 1, first, other)


def _show(x: Floats, begin: int, size: int, on: int, length: int, direction: Ints) -> None:
    """A bump at a direction [S] of the ring whose channels begin at ``begin``, in place."""
    apart = np.abs((np.arange(size) - direction[:, None] + size / 2) % size - size / 2)
    x[:, on : on + length, begin : begin + size] = (BEST * np.exp(-((apart / WIDTH) ** 2) / 2))[:, None, :]
