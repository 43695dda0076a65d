from __future__ import annotations

import numpy as np

from smalti.scheduler.streams.coding.crossings import encode, thresholds


def by_hand(signal: list[float], threshold: float) -> tuple[list[int], list[int]]:
    """Places where a signal crosses levels upwards and downwards, one value after the other."""
    level, up, down = signal[0], [], []
    for at, value in enumerate(signal[1:], 1):
        while value - level >= threshold:
            level, up = level + threshold, [*up, at]
        while level - value >= threshold:
            level, down = level - threshold, [*down, at]
    return sorted(set(up)), sorted(set(down))


def test_spikes_are_where_levels_are_crossed() -> None:
    signal = np.random.default_rng(0).normal(0, 0.5, (5, 40, 2)).cumsum(axis=1).astype(np.float32)
    threshold = np.array([0.5, 1.25])
    spikes = encode(signal, threshold, 40)
    assert spikes.shape == (5, 40, 4)
    for sample in range(5):
        for channel in range(2):
            up, down = by_hand(signal[sample, :, channel].astype(float).tolist(), float(threshold[channel]))
            assert np.flatnonzero(spikes[sample, :, channel]).tolist() == up
            assert np.flatnonzero(spikes[sample, :, 2 + channel]).tolist() == down


def test_fewer_steps_join_what_falls_into_one() -> None:
    rising = np.arange(8, dtype=np.float32).reshape(1, 8, 1)
    np.testing.assert_array_equal(encode(rising, np.array([1.0]), 4)[0, :, 0], [1, 1, 1, 1])
    np.testing.assert_array_equal(encode(rising, np.array([2.0]), 8)[0, :, 0], [0, 0, 1, 0, 1, 0, 1, 0])
    assert not encode(rising, np.array([1.0]), 4)[0, :, 1].any()


def test_thresholds_are_shares_of_the_spread_and_flat_channels_never_fire() -> None:
    x = np.stack([np.arange(101.0), np.full(101, 7.0)], axis=1)[None].astype(np.float32)
    threshold = thresholds(x, (10.0, 90.0), 8.0)
    assert threshold.tolist() == [10.0, np.inf]
    spikes = encode(x, threshold, 101)
    assert spikes[0].sum(axis=0).tolist() == [10, 0, 0, 0]
