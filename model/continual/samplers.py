"""Which samples of a stream a buffer keeps: siblings of one signature in ``SAMPLERS``.

They are told the samples in the order of the stream, each once, as entries (task, row, class).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

Entry = Sequence[int]
LABEL = 2  # place of the class in an entry


def reservoir(
    held: Sequence[Entry], seen: int, new: Sequence[Entry], capacity: int, chance: np.random.Generator
) -> list[Entry]:
    """Every sample so far is held with the same probability (algorithm R, Vitter 1985).

    Args:
        held: what the buffer holds.
        seen: samples that it has been told so far.
        new: samples to tell it now, in order.
        capacity: most samples that it can hold.
        chance: random numbers.

    Returns:
        What it holds afterwards.
    """
    buffer = list(held)
    for number, entry in enumerate(new, start=seen):
        if len(buffer) < capacity:
            buffer.append(entry)
        elif (place := int(chance.integers(number + 1))) < capacity:
            buffer[place] = entry
    return buffer


def balanced(
    held: Sequence[Entry], seen: int, new: Sequence[Entry], capacity: int, chance: np.random.Generator
) -> list[Entry]:
    """As many samples of each class, the first ones (greedy balancing sampler, Prabhu et al. 2020, ECCV).

    A sample is taken in while its class has fewer than capacity / classes; where the buffer is full, a random sample of
    the class with most makes room. Arguments as in ``reservoir``.
    """
    buffer = list(held)
    count = Counter(entry[LABEL] for entry in buffer)
    for entry in new:
        label = entry[LABEL]
        classes = len(count) + (label not in count)
        if count[label] >= capacity / classes:
            continue
        if len(buffer) >= capacity:
            largest = max(count, key=lambda name: (count[name], -name))
            places = [k for k, other in enumerate(buffer) if other[LABEL] == largest]
            del buffer[places[int(chance.integers(len(places)))]]
            count[largest] -= 1
        buffer.append(entry)
        count[label] += 1
    return buffer


SAMPLERS: dict[str, Callable[[Sequence[Entry], int, Sequence[Entry], int, np.random.Generator], list[Entry]]] = {
    "reservoir": reservoir,
    "balanced": balanced,
}
