from __future__ import annotations

import numpy as np

from smalti.scheduler.control.senses import Senses
from smalti.scheduler.control.worlds import WORLDS


def test_channels_fire_as_often_as_their_rate_and_regularly() -> None:
    senses = Senses(WORLDS["cartpole"], 5)
    senses.begin(2)
    seen = np.array([[0.0, 0.0, 0.0, 0.0], [-9.0, 3.0, 0.05, -1.0]], dtype=np.float32)
    rates = senses.rates(seen)
    assert rates.shape == (2, 20) == (2, senses.channels)
    np.testing.assert_allclose(rates[0, :5], np.exp([-8, -2, 0, -2, -8]), rtol=1e-5)
    np.testing.assert_allclose(rates[1, [0, 9]], 1)  # what lies beyond is heard as the last value
    counts = np.zeros_like(rates)
    for t in range(1, 101):
        counts += senses.spikes(rates)
        assert np.abs(counts - t * rates).max() <= 0.51


def test_who_goes_on_keeps_its_sums() -> None:
    senses = Senses(WORLDS["pendulum"], 3)
    senses.begin(2)
    rates = senses.rates(np.array([[0.2, 0.5, 1.0], [0.7, 0.3, -4.0]], dtype=np.float32))
    senses.spikes(rates)
    expected = senses.sums[1:].copy()
    senses.keep(np.array([False, True]))
    np.testing.assert_array_equal(senses.sums, expected)
