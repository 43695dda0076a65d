"""Whether inputs can tell anything at all, as far as a look at their values shows. Knows no network."""

from __future__ import annotations

import numpy as np

from smalti.scheduler.streams.spikes.rendered import Rendered, pieces
from smalti.scheduler.streams.types import WARNING, Floats, Loaded

DIGITS = 5  # behind the point, to which means are compared
NAMED = 5  # classes in a note


def notes(loaded: Loaded) -> list[str]:
    """Warnings about inputs that carry nothing; of data as the chip is given them."""
    x = loaded.x
    low, high = 1.0, 0.0
    for _, part in pieces(x):
        low, high = min(low, float(part.min())), max(high, float(part.max()))
    if low == high:
        silent = "nothing ever fires" if high == 0 else "every channel fires alike in every sample"
        return [f"{WARNING}all inputs are {high:g}: {silent}, and nothing can be learned"]
    first = x[:1]
    if all(bool((part == first).all()) for _, part in pieces(x)):
        return [f"{WARNING}all samples are the same, and nothing can be learned"]
    if loaded.readout is not None:  # classes are tasks then, which may well have the same inputs
        return []
    return [
        f"{WARNING}classes {', '.join(group[:NAMED])}{' and others' if len(group) > NAMED else ''} have the same mean "
        "input: no single channel tells them apart"
        for group in _alike(x, loaded)
    ]


def _alike(x: Floats | Rendered, loaded: Loaded) -> list[list[str]]:
    """Names of the classes that share their mean input [T or 1, I] with others."""
    sums = np.zeros((len(loaded.class_names), *x.shape[1:]))
    for rows, part in pieces(x):
        y = loaded.y[rows]
        for label in np.unique(y):
            sums[label] += part[y == label].sum(axis=0, dtype=np.float64)
    groups: dict[bytes, list[str]] = {}
    for total, size, name in zip(sums, np.bincount(loaded.y), loaded.class_names, strict=True):
        mean = total / size
        groups.setdefault((mean.round(DIGITS) + 0.0).tobytes(), []).append(name)
    return [names for names in groups.values() if len(names) > 1]
