from __future__ import annotations

import numpy as np

from smalti.scheduler.streams.spikes.kept import Kept


def test_what_is_kept_comes_back_as_it_was_drawn_and_is_drawn_once() -> None:
    drawn: list[int] = []

    def spikes(seed: int) -> np.ndarray:
        drawn.append(seed)
        return (np.random.default_rng(seed).random((3, 5, 7)) < 0.3).astype(np.uint8)

    kept = Kept()
    first = [kept((seed,), lambda seed=seed: spikes(seed)) for seed in (0, 1)]
    first[0][:] = 9  # what is given away is no longer what is kept
    again = [kept((seed,), lambda seed=seed: spikes(seed)) for seed in (0, 1)]
    assert drawn == [0, 1]
    for seed, found in enumerate(again):
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, spikes(seed))


def test_the_oldest_go_where_memory_is_short() -> None:
    kept, asked = Kept(most=25), []
    for key in (0, 1, 2, 1, 0):  # ten bytes each
        kept((key,), lambda key=key: asked.append(key) or np.ones(80, dtype=np.uint8))
    assert asked == [0, 1, 2, 0]
    assert kept.size == 20
    assert kept((9,), lambda: np.ones(8000, dtype=np.uint8)).sum() == 8000  # too large to be kept
    assert kept.size == 20
