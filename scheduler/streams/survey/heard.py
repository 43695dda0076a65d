"""How much of the data the chip still hears: simple classifiers on what was given and on the spikes that are drawn.

A value becomes spikes by chance, and channels are pooled: both may lose what tells the classes apart, and nothing else
would say so. The better of two classifiers, three nearest neighbours and the nearest class mean, is asked about every
one of some samples, and knows the others; it sees the exact values, then spike counts in the windows that the gating
network has by default. Test data are not looked at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smalti.scheduler.streams.coding import population
from smalti.scheduler.streams.coding.encode import draw
from smalti.scheduler.streams.coding.pooling import choose_block
from smalti.scheduler.streams.coding.prepare import Preparation, stretched
from smalti.scheduler.streams.survey import excerpt
from smalti.scheduler.streams.types import WARNING, Excerpt, Floats, Ints, Samples, Stream

MUCH = 0.05  # accuracy that may be lost without a word
CERTAIN = 2.0  # standard errors of the difference that it must be lost by beyond that
DRAWN = 2**28  # spikes or not, that are drawn to try another code
LONGER = 4  # times the time steps, to try whether they are too few

Right = NDArray[np.bool_]  # [S] whether the answer is right


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What is left of the data: accuracies of the simple classifiers, and spikes."""

    exact: float  # accuracy on the values as they were given
    heard: float  # accuracy on spike counts, after coding, pooling and drawing
    error: float  # standard error of the difference of the two
    guessing: float  # accuracy of the most frequent class
    samples: int  # that were asked about, none of the test part
    given: float  # spikes of a sample before coding and pooling
    left: float  # spikes of a sample that the chip is given
    merged: bool = False  # whether several spikes in one block and time step became one
    cure: str = ""  # where much is lost: the better code, as far as one was found

    @property
    def kept(self) -> float:
        """Spikes left by pooling, as a share; above 1 where a code adds some."""
        return self.left / self.given if self.given else math.nan

    @property
    def loses(self) -> bool:
        """Whether much less is heard than was given, by more than chance."""
        return self.exact - self.heard > MUCH + CERTAIN * self.error

    @property
    def facts(self) -> list[str]:
        """What was measured, in words."""
        right = (
            f"a simple classifier has {self.heard:.1%} of {self.samples} samples right by the spikes that are drawn, "
            f"{self.exact:.1%} by the values as they are given"
        )
        if not self.given or abs(self.kept - 1) < 0.005:
            return [right]
        one = ": those in one block and time step are one" if self.merged else ""
        spikes = f"{self.left:,.0f} spikes a sample of {self.given:,.0f} that were given ({self.kept:.0%}{one})"
        return [right, spikes]

    @property
    def warnings(self) -> list[str]:
        """What is wrong, and what helps."""
        if self.loses:
            return [
                f"{WARNING}much of the data is not heard: a simple classifier has {self.exact:.0%} right by the values "
                f"as they are given, {self.heard:.0%} by the spikes that are drawn; {self.cure}"
            ]
        chance = math.sqrt(self.guessing * (1 - self.guessing) / self.samples)
        if self.exact <= self.guessing + CERTAIN * chance:
            return [
                f"{WARNING}simple classifiers only guess: {self.exact:.0%} right by the values as they are given, "
                f"{self.guessing:.0%} by always saying the most frequent class; do x and y belong together?"
            ]
        return []


def measure(stream: Stream, seed: int = 0) -> Heard | None:
    """What the chip hears of a stream; None of one that was not loaded by ``load_stream``."""
    some, ready = stream.excerpt, stream.ready
    if some is None or not isinstance(ready, Preparation):
        return None
    exact, heard = _right(some.exact, some.y), _right(_counts(some.ready, stream, seed), some.y)
    differ = int((exact != heard).sum())
    found = Heard(
        exact=float(exact.mean()),
        heard=float(heard.mean()),
        error=math.sqrt(differ + 1) / len(some.y),
        guessing=float(np.bincount(some.y).max() / len(some.y)),
        samples=len(some.y),
        given=some.spikes,
        left=float(some.ready.mean(dtype=np.float64)) * stream.channels * stream.steps,
        merged=ready.pooling == "or" and max(ready.block) > 1,
    )
    return replace(found, cure=_cure(stream, some, ready, found.heard, seed)) if found.loses else found


def _counts(x: Floats, stream: Stream, seed: int, steps: int = 0) -> Floats:
    """Spike counts [S, F] of firing probabilities [S, T or 1, I]; in ``steps`` time steps, or for 0 the stream's."""
    steps = steps or stream.steps
    nothing = np.zeros(len(x), dtype=np.int64)
    spikes = draw(Samples(x, nothing, nothing), steps, (seed, 0))
    return excerpt.window_sums(spikes, excerpt.windows(stream.frames, steps))


def _right(features: Floats, y: Ints) -> Right:
    """Whether the better of the two classifiers is right [S], each sample being left out of what is known about it."""
    near, mean = np.equal(_nearest(features, y), y), np.equal(_nearest_mean(features, y), y)
    return np.asarray(near if near.sum() >= mean.sum() else mean)


def _nearest(features: Floats, y: Ints) -> Ints:
    """Class of two of the three nearest others, or of the nearest."""
    from scipy.spatial.distance import cdist  # not above: help need not wait for it

    distance = cdist(features, features, "sqeuclidean")
    np.fill_diagonal(distance, np.inf)
    three = np.argpartition(distance, 2, axis=1)[:, :3]
    order = np.take_along_axis(distance, three, axis=1).argsort(axis=1, kind="stable")
    first, second, third = y[np.take_along_axis(three, order, axis=1)].T
    return np.asarray(np.where(second == third, second, first))


def _nearest_mean(features: Floats, y: Ints) -> Ints:
    """Class whose mean over the others is nearest."""
    labels, codes, sizes = np.unique(y, return_inverse=True, return_counts=True)
    means = np.stack([features[y == label].mean(axis=0) for label in labels])
    distance = (features**2).sum(axis=1)[:, None] + (means**2).sum(axis=1) - 2 * features @ means.T  # [S, C]
    rows, own = np.arange(len(y)), sizes[codes]
    without = np.where(own > 1, own / np.maximum(own - 1, 1), np.inf)  # the mean of the others is farther by that
    distance[rows, codes] = (np.maximum(distance[rows, codes], 1e-9) * without**2).astype(distance.dtype)
    return np.asarray(labels[distance.argmin(axis=1)])


def _cure(stream: Stream, some: Excerpt, ready: Preparation, heard: float, seed: int) -> str:
    """What lets more be heard, measured on the same samples; the first that is about as good as the best."""
    tried: dict[str, float] = {}
    if some.raw is not None and not ready.cells:
        cells = population.cells_that_fit(some.raw.shape[2], some.wires)
        block = choose_block(population.coded_shape(ready.shape, cells), some.wires, 0)
        coded = replace(ready, cells=cells, block=block, pooling="mean", latency=False)
        tried["--stream.code population"] = _accuracy(coded(some.raw), stream, some, seed)
    if some.raw is not None and max(ready.block) > 1:
        whole = replace(ready, cells=0, block=(1,) * len(ready.shape))
        tried["a chip that need not pool (--fabric.wires)"] = _accuracy(whole(some.raw), stream, some, seed)
    longer = LONGER * stream.steps
    held = stretched(some.ready, longer)
    tried[f"--stream.steps {longer}"] = _accuracy(held, stream, some, seed, longer)
    best = max(tried.values())
    for name, accuracy in tried.items():
        if accuracy > heard + MUCH / 2 and accuracy > best - MUCH / 2:
            return f"{name} has {accuracy:.0%}"
    if max(ready.block) > 1:
        return "pooling loses it: say what the channels are (array shape or image), or have more fabric.wires"
    return "no other code that was tried is better; encode the data yourself"


def _accuracy(x: Floats, stream: Stream, some: Excerpt, seed: int, steps: int = 0) -> float:
    """Accuracy on spikes drawn from firing probabilities [S, T or 1, I]; 0 where they would be too many to draw."""
    if len(x) * (steps or stream.steps) * x.shape[2] > DRAWN:
        return 0.0
    return float(_right(_counts(x, stream, seed, steps), some.y).mean())
