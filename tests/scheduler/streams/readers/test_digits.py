from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits as reference

from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.readers.digits import load_digits


def test_pixels_become_firing_probabilities() -> None:
    loaded = load_digits(StreamOptions())
    source = reference()
    assert loaded.x.shape == (1797, 1, 64)
    assert loaded.x.dtype == np.float32
    np.testing.assert_array_equal(loaded.x.reshape(-1, 8, 8) * 16, source.images)
    np.testing.assert_array_equal(loaded.y, source.target)
    assert loaded.class_names == tuple("0123456789")
    assert loaded.steps == 25
    assert loaded.image == (8, 8)


def test_a_path_is_refused() -> None:
    with pytest.raises(ValueError, match=r"stream.path = 'here'"):
        load_digits(StreamOptions(path="here"))
