from __future__ import annotations

import numpy as np
import pytest

from smalti.scheduler.streams.coding.encode import draw
from smalti.scheduler.streams.spikes.rendered import Rendered, joined, mapped
from smalti.scheduler.streams.types import Floats, Ints, Samples

WHOLE = np.random.default_rng(0).random((50, 4, 3), dtype=np.float32)


def rendered(asked: list[int] | None = None) -> Rendered:
    """The array above, sample by sample; how many were asked for at once is noted."""

    def render(numbers: Ints) -> Floats:
        if asked is not None:
            asked.append(len(numbers))
        return WHOLE[numbers]

    return Rendered(render, np.arange(50), 4, 3)


def test_it_is_read_as_the_array_that_it_stands_for() -> None:
    x = rendered()
    assert (x.shape, x.ndim, x.dtype, len(x)) == (WHOLE.shape, 3, WHOLE.dtype, 50)
    np.testing.assert_array_equal(np.asarray(x), WHOLE)
    for rows in (slice(3, 9), np.array([4, 1]), WHOLE[:, 0, 0] > 0.5, 7):
        np.testing.assert_array_equal(x[rows], WHOLE[rows])
    np.testing.assert_array_equal(x.select(np.array([9, 2])).select(slice(1, 2))[:], WHOLE[[2]])


def test_samples_are_selected_without_being_spelled_out() -> None:
    asked: list[int] = []
    samples = Samples(rendered(asked), np.arange(50), np.arange(50))
    assert samples.select(np.array([5, 3])).y.tolist() == [5, 3]
    assert not asked


def test_the_same_spikes_are_drawn_a_few_samples_at_a_time() -> None:
    asked: list[int] = []
    nothing = np.zeros(50, dtype=np.int64)
    spikes = draw(Samples(rendered(asked), nothing, nothing), 4, (1, 2))
    np.testing.assert_array_equal(spikes, draw(Samples(WHOLE, nothing, nothing), 4, (1, 2)))
    assert asked == [32, 18]


def test_a_change_is_made_when_samples_are_asked_for() -> None:
    np.testing.assert_array_equal(mapped(rendered(), lambda x: 1 - x)[:], 1 - WHOLE)
    np.testing.assert_array_equal(mapped(WHOLE, lambda x: 1 - x)[:], 1 - WHOLE)


@pytest.mark.parametrize("parts", [[WHOLE, WHOLE[:5]], [WHOLE, rendered(), WHOLE[:5]], [rendered(), rendered()]])
def test_joined_parts_follow_each_other(parts: list[Floats | Rendered]) -> None:
    whole = np.concatenate([np.asarray(part) for part in parts])
    rows = np.random.default_rng(1).permutation(len(whole))
    np.testing.assert_array_equal(joined(parts)[rows], whole[rows])
