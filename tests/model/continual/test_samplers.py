from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chi2

from smalti.model.continual.samplers import SAMPLERS, Entry, balanced, reservoir


def stream(*counts: int) -> list[tuple[int, int, int]]:
    """So many samples of class 0, then of class 1 and so on."""
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    return [(label, row, label) for row, label in enumerate(labels)]


def test_reservoir_holds_every_sample_with_the_same_probability() -> None:
    """Chi-square of how often each of 20 samples is among the 5 held, told in two portions; drawn without repeats."""
    samples, capacity, times = stream(20), 5, 4000
    count: Counter[int] = Counter()
    for seed in range(times):
        chance = np.random.default_rng(seed)
        held: list[Entry] = reservoir([], 0, samples[:8], capacity, chance)
        held = reservoir(held, 8, samples[8:], capacity, chance)
        assert len({entry[1] for entry in held}) == capacity
        count.update(entry[1] for entry in held)
    share = capacity / len(samples)
    squares = sum((count[row] - times * share) ** 2 for row in range(len(samples)))
    statistic = squares / (times * share * (1 - share)) * (len(samples) - 1) / len(samples)
    assert 0.01 < chi2.sf(statistic, len(samples) - 1) < 0.99


@pytest.mark.parametrize(("counts", "capacity"), [((40, 40), 10), ((40, 40, 40), 10), ((30,) * 7, 20), ((9, 50, 9), 9)])
@pytest.mark.parametrize("shuffled", [False, True])
def test_balanced_holds_as_many_of_each_class(counts: tuple[int, ...], capacity: int, shuffled: bool) -> None:
    chance = np.random.default_rng(0)
    samples = stream(*counts)
    if shuffled:
        samples = [samples[k] for k in chance.permutation(len(samples))]
    count = Counter(entry[2] for entry in balanced([], 0, samples, capacity, chance))
    assert count.total() == capacity
    assert max(count.values()) - min(count.values()) <= 1
    assert len(count) == len(counts)


def test_balanced_keeps_all_of_a_rare_class_and_makes_room_at_random() -> None:
    places = Counter[int]()
    for seed in range(300):
        kept = balanced([], 0, stream(10, 2), 6, np.random.default_rng(seed))
        assert Counter(entry[2] for entry in kept) == {0: 4, 1: 2}
        places.update(entry[1] for entry in kept if entry[2] == 0)
    assert set(places) == set(range(6))  # the first six were held before class 1 came
    assert min(places.values()) > 150  # of 200 expected


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_what_fits_is_kept_in_order(sampler: object) -> None:
    samples = stream(3, 3)
    assert callable(sampler)
    first = sampler([], 0, samples[:4], 6, np.random.default_rng(0))
    assert [*first] == samples[:4] if sampler is reservoir else len(first) == 4
    assert first == samples[:4]
    assert len(sampler(first, 4, samples[4:], 6, np.random.default_rng(0))) == 6
