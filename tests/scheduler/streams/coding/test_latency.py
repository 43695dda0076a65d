from __future__ import annotations

import numpy as np
import pytest

from smalti.scheduler.streams import StreamOptions, load_stream, memory
from smalti.scheduler.streams.coding.latency import encode
from smalti.scheduler.streams.spikes.packed import Rendered

X = np.array([[0.0, 1.0, 0.5, 0.26, 0.01]] * 40, dtype=np.float32)
Y = np.arange(40) % 4


def test_larger_values_fire_earlier_once() -> None:
    spikes = encode(X[:2, None], 5)
    assert spikes.shape == (2, 5, 5)
    assert spikes.sum(axis=1)[0].tolist() == [0, 1, 1, 1, 1]
    assert spikes[0].argmax(axis=0).tolist() == [0, 0, 2, 3, 4]


def test_a_stream_is_coded_after_pooling() -> None:
    x = np.random.default_rng(0).random((40, 16)).astype(np.float32)
    options = StreamOptions(name="arrays", setting="joint", code="latency", steps=10)
    stream = load_stream(options, 4, memory.arrays(x, Y, image=(4, 4)))
    assert (stream.channels, stream.steps, stream.temporal) == (4, 10, True)
    train = stream.experiences[0].train
    assert isinstance(train.x, Rendered)
    pooled = x.reshape(40, 2, 2, 2, 2).mean(axis=(2, 4)).reshape(40, 1, 4)
    np.testing.assert_array_equal(train.x[:], encode(pooled, 10)[train.index])
    assert "latency code: a spike a value in 10 time steps, the earlier the larger" in stream.notes
    np.testing.assert_array_equal(stream.ready(x[:3, None]), encode(pooled[:3], 10))


def test_data_with_a_time_axis_are_refused() -> None:
    with pytest.raises(ValueError, match=r"stream\.code = 'latency' gives every value a spike .* 7 time steps"):
        load_stream(StreamOptions(name="arrays", code="latency"), 64, memory.arrays(np.zeros((40, 7, 5)), Y))
