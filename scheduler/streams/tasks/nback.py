"""N-back: symbols follow each other, and at every step it is asked whether the present one is that of n symbols ago."""

from __future__ import annotations

import numpy as np

from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.spikes.rendered import Rendered
from smalti.scheduler.streams.types import Floats, Generated, GeneratedTask, Ints, Readout, Samples

STEPS = 60
EACH, SHOWN, GRACE = 5, 4, 1  # steps from symbol to symbol, those in which it is shown, those that are not asked
GROUP = 4  # channels of a symbol
FIRES = 0.6  # probability that they fire


def load_nback(options: StreamOptions) -> Generated:
    """Whether the present symbol is that of some symbols ago, asked at every step.

    Raises:
        ValueError: a path is given, or the steps are too few.
    """
    own, steps = options.nback, options.steps or STEPS
    if options.path:
        raise ValueError(f"stream.path = {options.path!r}: the stream nback is made; leave the path empty")
    least = (max(own.back) + 1) * EACH
    if steps < least:
        raise ValueError(
            f"stream.steps = {steps} is too short for {max(own.back)} back; give {least} or more, or a smaller "
            "stream.nback.back"
        )
    tasks = []
    for back in own.back:
        chance = np.random.default_rng(np.random.SeedSequence(options.split_seed, spawn_key=(back,)))
        train, validation, test = (
            trials(sequences(count, steps // EACH, own.symbols, back, chance), own.symbols, back, steps)
            for count in (own.samples, own.samples // 4, own.samples // 2)
        )
        tasks.append(GeneratedTask(f"{back} back", train, validation, test))
    readout = Readout(("other", "match"), loss="cross_entropy", score="right")
    note = f"n-back with {own.symbols} symbols made by stream.split_seed"
    return Generated(origin="nback", tasks=tuple(tasks), readout=readout, notes=(note,))


def sequences(count: int, length: int, symbols: int, back: int, chance: np.random.Generator) -> Ints:
    """Symbols [count, length], each that of ``back`` ago with probability 1/2, else another."""
    sequence = chance.integers(0, symbols, (count, length))
    for place in range(back, length):
        before = sequence[:, place - back]
        other = (before + chance.integers(1, symbols, count)) % symbols
        sequence[:, place] = np.where(chance.integers(0, 2, count) == 1, before, other)
    return sequence


def trials(sequence: Ints, symbols: int, back: int, steps: int) -> Samples:
    """Trials of sequences of symbols [S, L]; nothing is asked before there is a symbol to compare with."""
    count, length = sequence.shape
    match = np.zeros((count, length), dtype=np.int64)
    match[:, back:] = sequence[:, back:] == sequence[:, : length - back]
    place, within = np.divmod(np.arange(steps), EACH)
    inside = np.minimum(place, length - 1)
    asked = (place >= back) & (place < length) & (within >= GRACE)
    targets = np.eye(2, dtype=np.float32)[match[:, inside]]
    weights = np.tile(asked.astype(np.float32), (count, 1))
    shown = (place < length) & (within < SHOWN)

    def render(rows: Ints) -> Floats:
        present = sequence[rows][:, inside, None] == np.arange(symbols)  # [s, T, symbols]
        fires = FIRES * (present & shown[None, :, None])
        return np.repeat(fires, GROUP, axis=2).astype(np.float32)

    nothing = np.zeros(count, dtype=np.int64)
    return Samples(Rendered(render, np.arange(count), steps, symbols * GROUP), nothing, nothing, targets, weights)
