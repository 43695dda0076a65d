from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smalti.scheduler.streams import StreamOptions, load_stream, memory
from smalti.scheduler.streams.coding.prepare import stretched

Y = np.arange(40) % 4
RANDOM = np.random.default_rng(0)
SPIKES = RANDOM.random((40, 12, 2 * 6 * 6)) < 0.1


def load(x: np.ndarray, wires: int = 18, shape: Any = None, image: Any = None, **fields: Any) -> Any:
    return load_stream(
        StreamOptions(name="arrays", setting="joint", **fields), wires, memory.arrays(x, Y, shape=shape, image=image)
    )


def test_planes_are_pooled_apart() -> None:
    stream = load(SPIKES, shape=(2, 6, 6))
    assert (stream.shape, stream.raw, stream.channels) == ((2, 3, 3), (2, 6, 6), 18)
    assert stream.notes[0].startswith("pooled 2 x 6 x 6 -> 2 x 3 x 3 channels, blocks of 2 x 2 pixels, firing where")
    train = stream.experiences[0].train
    blocks = SPIKES[train.index].reshape(-1, 12, 2, 3, 2, 3, 2).any(axis=(4, 6))
    np.testing.assert_array_equal(train.x, blocks.reshape(-1, 12, 18))


def test_a_single_plane_is_an_image(tmp_path: Path) -> None:
    given = {"x": SPIKES[:, :, :36], "y": Y}
    np.savez(tmp_path / "a.npz", **given, image=[6, 6])
    np.savez(tmp_path / "b.npz", **given, shape=[1, 6, 6])
    one, other = (
        load_stream(StreamOptions(name="arrays", path=str(tmp_path / f"{name}.npz")), 18) for name in ("a", "b")
    )
    assert one.shape == other.shape == (6, 3)
    np.testing.assert_array_equal(one.experiences[0].train.x, other.experiences[0].train.x)


def test_planes_can_be_rotated() -> None:
    x = np.zeros((40, 18))
    x[:, 5] = 1  # at the right of the first plane, in the middle
    stream = load_stream(
        StreamOptions(name="arrays", setting="domain", transform="rotated", tasks=2, split_seed=1),
        18,
        memory.arrays(x, Y, shape=(2, 3, 3)),
    )
    turned = stream.experiences[1].train.x.reshape(-1, 2, 3, 3)
    assert turned[:, 0].any()
    assert not turned[:, 1].any()


@pytest.mark.parametrize("how", ["auto", "or", "mean", "count"])
def test_ways_of_pooling_spikes(how: str) -> None:
    stream = load(SPIKES, shape=(2, 6, 6), pooling=how)
    train = stream.experiences[0].train
    blocks = SPIKES[train.index].reshape(-1, 12, 2, 3, 2, 3, 2)
    expected = {
        "mean": blocks.mean(axis=(4, 6)),
        "count": np.minimum(blocks.sum(axis=(4, 6)), 1),
    }.get(how, blocks.any(axis=(4, 6)))
    np.testing.assert_allclose(train.x, expected.reshape(-1, 12, 18), rtol=1e-6)


def test_or_of_probabilities_is_that_any_fires() -> None:
    x = RANDOM.random((40, 4)).astype(np.float32)
    train = load(x, wires=2, pooling="or").experiences[0].train
    pairs = x[train.index].reshape(-1, 2, 2)
    np.testing.assert_allclose(train.x[:, 0], 1 - (1 - pairs).prod(axis=2), rtol=1e-5)


def test_probabilities_and_zeros_and_ones_without_time_are_averaged() -> None:
    for x in (RANDOM.random((40, 12, 4)), RANDOM.random((40, 4)), SPIKES[:, 0, :4]):
        train = load(x, wires=2).experiences[0].train
        means = x[train.index].reshape(len(train), -1, 2, 2).mean(axis=3)
        np.testing.assert_allclose(train.x, means, rtol=1e-6)


def test_channels_that_may_be_pixels_are_warned_of() -> None:
    (note,) = (note for note in load(SPIKES).notes if note.startswith("warning"))
    assert "4 channels in a row become one" in note
    assert "2 x 6 x 6 pixels, say so with an array shape = [2, 6, 6]" in note
    (note,) = (note for note in load(SPIKES[:, :, :64], 8).notes if note.startswith("warning"))
    assert "say so with an array image = [8, 8]" in note
    for quiet in (load(SPIKES, shape=(2, 6, 6)), load(SPIKES, 36), load(SPIKES[:, :, :70], 8)):
        assert not any(note.startswith("warning") for note in quiet.notes)


def test_a_time_axis_that_is_short_is_held() -> None:
    x = RANDOM.random((40, 3, 5))
    stream = load(x, steps=7)
    train = stream.experiences[0].train
    np.testing.assert_allclose(train.x, x[train.index][:, [0, 0, 0, 1, 1, 2, 2]], rtol=1e-6)
    assert (stream.steps, stream.frames, stream.temporal) == (7, 3, True)
    assert stream.notes == ("3 time steps held so that there are 7",)
    np.testing.assert_array_equal(stream.ready(x[train.index].astype(np.float32)), train.x)
    assert stretched(train.x[:, :1], 9).shape[1] == 1
    with pytest.raises(
        ValueError, match=r"stream\.steps = 2, but data has 3 time steps; set it to 0, or to that or more"
    ):
        load(x, steps=2)


def test_whether_data_have_a_time_axis() -> None:
    assert not load(SPIKES[:, 0]).temporal
    assert not load(SPIKES[:, :1]).temporal
    assert load(SPIKES[:, :2]).temporal


def test_a_population_code_and_new_samples() -> None:
    x = RANDOM.random((40, 6)).astype(np.float32)
    stream = load(x, code="population", cells=3, gain=1.5)
    assert (stream.raw, stream.channels) == ((6,), 18)
    assert stream.notes[0] == "population code: 6 features -> 18 channels, 3 a feature"
    test = stream.experiences[0].test
    np.testing.assert_array_equal(stream.ready(x[test.index][:, None]), test.x)
    assert load(x, code="population").channels == 18
    assert load(x, code="population", cells=6).notes[1] == "pooled 36 -> 18 channels, factor 2"
    image = load(x, code="population", cells=3, image=(2, 3))
    assert image.shape == (3, 2, 3)


def test_more_planes_than_wires_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the stream has 72 planes .* are not pooled together"):
        load(SPIKES, shape=(72, 1, 1))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cells": 3}, r"stream\.cells = 3 counts .* set stream\.code = population"),
        ({"code": "population", "cells": 1}, r"stream\.cells = 1 must be 2 to 64"),
        ({"code": "population", "cells": -2}, r"stream\.cells = -2 must be 2 to 64"),
        ({"code": "population", "cells": 65}, r"stream\.cells = 65 must be 2 to 64"),
        ({"code": "rate"}, r"stream\.code = 'rate' is unknown; allowed: bernoulli, population"),
        ({"pooling": "max"}, r"stream\.pooling = 'max' is unknown; allowed: auto, mean, or, count"),
    ],
)
def test_options_of_code_and_pooling_are_checked(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StreamOptions(**fields)
