"""How much two labellings of the same samples say about each other. Knows no run."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def shared_information(one: ArrayLike, other: ArrayLike) -> float:
    """Mutual information of two labellings [S], over the mean of their entropies: 0, nothing, to 1, all.

    Two constant labellings say all about each other, a constant one says nothing about any other.
    """
    (first, place), (second, other_place) = (np.unique(values, return_inverse=True) for values in (one, other))
    counts = np.zeros((len(first), len(second)))
    np.add.at(counts, (place.ravel(), other_place.ravel()), 1.0)
    joint = counts / counts.sum()
    of_one, of_other = entropy(joint.sum(1)), entropy(joint.sum(0))
    if of_one == of_other == 0:
        return 1.0
    return max(0.0, 2 * (of_one + of_other - entropy(joint.ravel())) / (of_one + of_other))


def entropy(shares: NDArray[np.float64]) -> float:
    """Of shares that add up to 1, in nats."""
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum())
