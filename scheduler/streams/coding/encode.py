"""From firing probabilities to spikes, and from an epoch to batches: both pure functions of their entropy.

Does not know what the entropy means: callers pass (seed, ..., epoch), and the same run draws the same spikes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.types import Ints, Samples

BLOCK = 32  # samples drawn at once: bounds the temporaries' memory, and is part of what fixes the spikes
LEVELS = 65536  # probabilities are rounded to multiples of 1 / LEVELS; 0 and 1 are exact


def draw(samples: Samples, steps: int, entropy: tuple[int, ...]) -> NDArray[np.uint8]:
    """Draws independent Bernoulli input spikes for all samples, uint8 [S, T, I], T = steps.

    The spikes of a sample depend on the entropy, on its position among `samples`, and on T and I; not on
    batches. A probability is rounded to 16 bits (an error of at most 2^-16); 0 never and 1 always fires, so
    given spikes stay themselves. Uses Philox with a SeedSequence for every BLOCK samples.

    Raises:
        ValueError: if the samples have a time axis of another length than `steps`.
    """
    count, own, channels = samples.x.shape
    if own not in (1, steps):
        raise ValueError(f"the samples have {own} time steps of their own, {steps} were asked for; ask for {own}")
    spikes = np.empty((count, steps, channels), dtype=np.uint8)
    known = _levels(samples.x[:]) if own == 1 else None
    for block, start in enumerate(range(0, count, BLOCK)):
        out = spikes[start : start + BLOCK].view(np.bool_)
        here = slice(start, start + BLOCK)
        below, always = _levels(samples.x[here]) if known is None else (known[0][here], known[1][here])
        bits = np.random.Philox(_seed(entropy, 0, block))
        words = np.asarray(bits.random_raw(-(-out.size // 4)), dtype="<u8")  # 4 numbers of 16 bits in each
        uniform = words.view("<u2")[: out.size].reshape(out.shape)
        np.less(uniform, below, out=out)
        if always.any():
            np.logical_or(out, always, out=out)
    return spikes


def _levels(x: NDArray[np.float32]) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """Random numbers of 16 bits below which there is a spike, and where there always is one."""
    level = np.rint(x * np.float32(LEVELS))
    return np.minimum(level, LEVELS - 1).astype(np.uint16), level >= LEVELS


def batches(count: int, batch_size: int, entropy: tuple[int, ...]) -> Ints:
    """Positions 0..count-1 of one shuffled epoch, int64 [ceil(count / B), B] with B = min(batch_size, count).

    Every sample occurs; the last batch is filled up from the beginning of the same permutation, so no batch
    holds a sample twice.

    Raises:
        ValueError: if there is nothing to shuffle or no batch to fill.
    """
    if count < 1 or batch_size < 1:
        raise ValueError(f"{count} samples in batches of {batch_size}: both must be at least 1")
    size = min(batch_size, count)
    order = np.random.Generator(np.random.Philox(_seed(entropy, 1, 0))).permutation(count)
    return np.resize(order, (-(-count // size), size)).astype(np.int64, copy=False)


def _seed(entropy: tuple[int, ...], purpose: int, block: int) -> np.random.SeedSequence:
    """One seed for each purpose (spikes 0, shuffling 1) and block. The length keeps (1,) and (1, 0) apart."""
    return np.random.SeedSequence((len(entropy), *entropy), spawn_key=(purpose, block))
