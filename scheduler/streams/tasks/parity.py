"""Parity: no count of a part of the inputs says anything about the class, nor do products of few of them.

Parity of k bits is told by products of k counts alone: a quadratic discriminant on counts solves k = 2 and no other.
"""

from __future__ import annotations

import numpy as np

from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.tasks import balanced
from smalti.scheduler.streams.types import Floats, Ints, Loaded

STEPS = 50
GROUP = 6  # channels that fire alike
BACKGROUND, PULSE, LOW, HIGH = 0.02, 0.7, 0.1, 0.4  # firing probabilities
LENGTH, GAP = 3, 2  # steps of a pulse, and least steps between two
ANSWER = 10  # steps without a pulse at the end, so that the last one can be answered


def load_parity(options: StreamOptions) -> Loaded:
    """Parity of pulses of two kinds at random times, or of rates: the class needs all of them at once."""
    own = options.parity
    draw = _pulses if own.of == "pulses" else _rates(max(own.counts))
    return balanced.loaded(options, own.counts, own.samples, ("even", "odd"), draw)


def bits(count: int, answer: Ints, chance: np.random.Generator) -> Ints:
    """Random bits [S, count] whose sum has the parity that the answer says."""
    drawn = chance.integers(0, 2, (len(answer), count))
    drawn[:, -1] = (answer - drawn[:, :-1].sum(axis=1)) % 2
    return drawn


def _pulses(count: int, answer: Ints, chance: np.random.Generator) -> Floats:
    """Pulses of two kinds on two groups of channels."""
    samples = len(answer)
    x = np.full((samples, STEPS + ANSWER, 2 * GROUP), BACKGROUND, dtype=np.float32)
    room = STEPS - count * (LENGTH + GAP) + GAP
    starts = np.sort(chance.integers(0, room + 1, (samples, count)), axis=1) + np.arange(count) * (LENGTH + GAP)
    for number, kind in enumerate(bits(count, answer, chance).T):
        channels = kind[:, None] * GROUP + np.arange(GROUP)
        balanced.pulse(x, np.arange(samples), starts[:, number], LENGTH, channels, PULSE)
    return x


def _rates(groups: int) -> balanced.Draw:
    """Low or high rates of some of the groups of channels; the others are silent but for the background."""

    def draw(count: int, answer: Ints, chance: np.random.Generator) -> Floats:
        rates = np.full((len(answer), groups), BACKGROUND)
        rates[:, :count] = np.where(bits(count, answer, chance) == 1, HIGH, LOW)
        each = np.repeat(rates, GROUP, axis=1).astype(np.float32)
        return np.ascontiguousarray(np.broadcast_to(each[:, None, :], (len(answer), STEPS, groups * GROUP)))

    return draw
