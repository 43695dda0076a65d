from __future__ import annotations

import numpy as np
import pytest

from smalti.scheduler.streams import Stream, StreamOptions, load_stream, memory
from smalti.scheduler.streams.survey import excerpt
from smalti.scheduler.streams.types import Excerpt

Y = np.arange(100) % 4
X = np.random.default_rng(0).random((100, 12, 40)).astype(np.float32)


def taken(x: np.ndarray) -> tuple[Stream, Excerpt]:
    stream = load_stream(StreamOptions(name="arrays", setting="joint"), 20, memory.arrays(x, Y))
    assert stream.excerpt is not None
    return stream, stream.excerpt


def test_samples_as_they_were_given_and_as_the_chip_is_given_them() -> None:
    stream, some = taken(X)
    data = stream.experiences[0]
    rows = np.sort(np.concatenate([data.train.index, data.validation.index]))
    assert some.raw is not None
    np.testing.assert_array_equal(some.raw, X[rows])
    np.testing.assert_array_equal(some.ready, X[rows].reshape(-1, 12, 20, 2).mean(axis=3))
    np.testing.assert_array_equal(some.y, Y[rows])
    np.testing.assert_allclose(some.exact.sum(axis=1), X[rows].mean(axis=1).sum(axis=1), rtol=1e-5)
    assert some.exact.shape == (len(rows), 5 * 40)
    assert some.spikes == pytest.approx(X[rows].sum() / len(rows), rel=1e-6)


def test_features_without_a_time_axis_are_taken_as_they_are() -> None:
    _, some = taken(X[:, 0])
    assert some.raw is not None
    np.testing.assert_array_equal(some.exact, some.raw[:, 0])
    assert some.spikes == pytest.approx(25 * some.raw.mean() * 40, rel=1e-6)


def test_samples_are_taken_few_at_a_time_where_they_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = taken(X)[1]
    monkeypatch.setattr(excerpt, "BYTES", 100_000)  # of samples of 1,920 bytes, which leave 960
    some = taken(X)[1]
    assert some.raw is None
    np.testing.assert_array_equal(some.exact, whole.exact)
    np.testing.assert_array_equal(some.ready, whole.ready)


def test_nothing_is_taken_where_a_few_samples_would_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excerpt, "BYTES", 30_000)
    assert load_stream(StreamOptions(name="arrays"), 20, memory.arrays(X, Y)).excerpt is None


def test_at_most_so_many_samples_and_evenly_spaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excerpt, "MOST", 40)
    _, some = taken(X)
    assert len(some.y) == 40
    assert set(some.y.tolist()) == {0, 1, 2, 3}
