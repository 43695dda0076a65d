from __future__ import annotations

import numpy as np
import pytest

from smalti.scheduler.streams.readers import ragged


def test_the_ends_of_recordings_become_zeros() -> None:
    x = np.random.default_rng(0).random((4, 6, 2))
    x[1, 4:] = np.nan
    x[2, 1:] = np.nan
    whole, count = ragged.ended(x)
    assert count == 2
    np.testing.assert_array_equal(whole, np.nan_to_num(x))
    assert np.isnan(x).any()  # what was given stays


def test_other_nan_stay() -> None:
    x = np.random.default_rng(0).random((4, 6, 2))
    x[0, 2] = np.nan  # in between
    x[1, 5, 0] = np.nan  # one channel
    x[2] = np.nan  # all of it
    x[3, 5] = np.nan  # an end
    whole, count = ragged.ended(x)
    assert count == 1
    assert np.isnan(whole).sum() == 2 + 1 + 12


def test_recordings_of_different_length_are_stacked() -> None:
    x = ragged.stacked([np.ones((2, 3)), np.ones((4, 3), dtype=np.float32)])
    assert x.shape == (2, 4, 3)
    assert x[0].sum(axis=1).tolist() == [3, 3, 0, 0]
    assert x[1].all()
    assert ragged.stacked([np.ones(3), np.zeros(3)]).shape == (2, 3)


@pytest.mark.parametrize("shapes", [((3,), (4,)), ((2, 3), (2, 4)), ((2, 3), (2, 3, 1))])
def test_what_differs_in_more_is_refused(shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValueError, match="samples have different shapes"):
        ragged.stacked([np.ones(shape) for shape in shapes])
