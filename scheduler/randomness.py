"""Random numbers of a run: every use has its own stream, derived from the seed and from where it is used.

Nothing is carried from round to round, so a resumed run draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Use(IntEnum):
    """What random numbers are for."""

    SPIKES = 0  # input spikes; keys: part, experience, epoch
    ORDER = 1  # order of training samples; keys: experience, epoch
    PROBE = 2  # samples of a probe; keys: round
    GROWTH = 3  # fan-in of candidates; keys: round, stage, tile
    AGENTS = 4  # order in which agents act; keys: round
    COMPARISON = 5  # teachers and students of a comparison; keys: what is drawn
    TIMING = 6  # decisions whether to grow; keys: round
    REWIRING = 7  # what is laid or moved where; keys: round
    MEMORY = 8  # what is stored, recalled and measured to keep old tasks; keys: purpose, task, step
    DETECTION = 9  # random alarms; keys: minibatch
    TASKS = 10  # order of the tasks; no keys
    DEVICES = 11  # errors of writing, noise of reading, drift; keys: round, number of the draw in it
    COPIES = 12  # the same on copies of a chip; keys: copy, round, number of the draw in it
    CONTROL = 13  # seeds, episodes and perturbations of evolution strategies; keys: what for, and when
    REPAIR = 14  # fan-in of candidates for an old expert that is repaired; keys: round, task, auction, stage, tile


def entropy(seed: int, use: Use, *keys: int) -> tuple[int, ...]:
    """Entropy of one stream of random numbers; keys are not negative."""
    return (seed, int(use), *keys)


def generator(seed: int, use: Use, *keys: int) -> np.random.Generator:
    """Generator of one stream of random numbers."""
    return np.random.default_rng(np.random.SeedSequence(entropy(seed, use, *keys)))


def number(seed: int, use: Use, *keys: int) -> int:
    """A seed for another library's stream of random numbers."""
    return int(np.random.SeedSequence(entropy(seed, use, *keys)).generate_state(1, np.uint64)[0] >> np.uint64(1))
