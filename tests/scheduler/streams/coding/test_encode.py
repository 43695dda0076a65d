from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from smalti.scheduler.streams.coding.encode import BLOCK, LEVELS, batches, draw
from smalti.scheduler.streams.types import Samples

PINNED = [4, 65, 88, 128, 64]


def samples(x: NDArray[Any]) -> Samples:
    count = len(x)
    return Samples(x.astype(np.float32), np.zeros(count, dtype=np.int64), np.arange(count, dtype=np.int64))


def uniform(shape: tuple[int, int, int], seed: int = 0) -> Samples:
    return samples(np.random.default_rng(seed).random(shape, dtype=np.float32))


def test_shape_type_and_values() -> None:
    spikes = draw(uniform((BLOCK + 5, 1, 3)), 7, (1, 2))
    assert spikes.shape == (BLOCK + 5, 7, 3)
    assert spikes.dtype == np.uint8
    assert set(np.unique(spikes)) == {0, 1}


@pytest.mark.parametrize("p", [0.001, 0.05, 1 / 16, 0.5, 0.93, 0.999])
@pytest.mark.parametrize("own", [1, 50])
def test_channels_fire_with_their_probability(p: float, own: int) -> None:
    n = 200 * 50 * 40
    mean = draw(samples(np.full((200, own, 40), p)), 50, (3,)).mean()
    assert abs(mean - p) < 5 * np.sqrt(p * (1 - p) / n) + 1 / LEVELS


def test_every_channel_and_step_has_its_own_probability() -> None:
    x = np.random.default_rng(0).random((1, 6, 5))
    spikes = draw(samples(np.repeat(x, 20_000, axis=0)), 6, (4,))
    assert np.abs(spikes.mean(axis=0) - x[0]).max() < 5 * 0.5 / np.sqrt(20_000)


def test_draws_are_independent_over_samples_steps_and_channels() -> None:
    spikes = draw(samples(np.full((64, 1, 40), 0.5)), 50, (5,)).astype(np.float64) - 0.5
    for a, b in (
        (spikes[1:], spikes[:-1]),
        (spikes[BLOCK:], spikes[:-BLOCK]),  # neighbouring blocks
        (spikes[:, 1:], spikes[:, :-1]),
        (spikes[:, :, 1:], spikes[:, :, :-1]),
    ):
        assert abs(np.mean(a * b)) * 4 < 5 / np.sqrt(a.size)


def test_zero_never_and_one_always_fires_so_spikes_stay_themselves() -> None:
    given_spikes = np.random.default_rng(1).integers(0, 2, size=(400, 25, 64))
    np.testing.assert_array_equal(draw(samples(given_spikes), 25, (6,)), given_spikes)


def test_same_entropy_same_spikes_and_other_entropy_other_spikes() -> None:
    s = samples(np.full((40, 1, 8), 0.5))
    first = draw(s, 20, (1, 2))
    np.testing.assert_array_equal(first, draw(s, 20, (1, 2)))
    for other in ((1, 3), (2, 2), (1, 2, 0), (1,), (2, 1)):
        assert abs(np.mean(first == draw(s, 20, other)) - 0.5) < 0.05  # as alike as coin tosses


def test_spikes_of_a_sample_do_not_depend_on_the_others() -> None:
    s = uniform((3 * BLOCK, 1, 8))
    spikes = draw(s, 20, (7,))
    np.testing.assert_array_equal(draw(s.select(np.arange(BLOCK + 3)), 20, (7,)), spikes[: BLOCK + 3])
    x = s.x.copy()
    x[:50] = 0
    np.testing.assert_array_equal(draw(samples(x), 20, (7,))[50:], spikes[50:])


def test_pinned_spikes() -> None:
    """A change of these values changes every recorded run."""
    spikes = draw(samples(np.full((BLOCK + 1, 1, 4), 0.25)), 3, (11, 0))
    assert np.packbits(spikes[[0, 1, BLOCK]]).tolist() == PINNED


def test_a_time_axis_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="4 time steps of their own, 5 were asked for"):
        draw(uniform((2, 4, 3)), 5, (1,))


def test_drawing_a_whole_part_beats_drawing_its_samples_one_by_one() -> None:
    s = uniform((1000, 1, 64))

    def seconds(task: Callable[[], object]) -> float:
        begin = time.perf_counter()
        task()
        return time.perf_counter() - begin

    together = min(seconds(lambda: draw(s, 25, (1,))) for _ in range(5))
    single = [s.select(np.array([k])) for k in range(len(s))]
    apart = min(seconds(lambda: [draw(one, 25, (k,)) for k, one in enumerate(single)]) for _ in range(2))
    assert together < apart / 3  # about a tenth


@given(count=st.integers(1, 60), size=st.integers(1, 70), seed=st.integers(0, 5))
def test_an_epoch_holds_every_sample_in_batches_of_one_size(count: int, size: int, seed: int) -> None:
    made = batches(count, size, (seed, 1))
    size = min(size, count)
    assert made.shape == (int(np.ceil(count / size)), size)
    assert made.dtype == np.int64
    assert set(made.ravel().tolist()) == set(range(count))
    assert all(len(set(batch)) == size for batch in made.tolist())
    order = made.ravel()[:count]
    assert sorted(order.tolist()) == list(range(count))
    np.testing.assert_array_equal(made.ravel()[count:], order[: made.size - count])


def test_epochs_are_shuffled_by_their_entropy() -> None:
    first = batches(100, 10, (1, 0))
    np.testing.assert_array_equal(first, batches(100, 10, (1, 0)))
    assert not np.array_equal(first, batches(100, 10, (1, 1)))
    assert not np.array_equal(first.ravel(), np.arange(100))
    places = np.array([np.flatnonzero(batches(10, 10, (2, k)).ravel() == 0)[0] for k in range(2000)])
    assert np.abs(np.bincount(places, minlength=10) - 200).max() < 5 * np.sqrt(200 * 0.9)


@pytest.mark.parametrize(("count", "size"), [(0, 4), (4, 0)])
def test_empty_epochs_are_refused(count: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"{count} samples in batches of {size}"):
        batches(count, size, (1,))
