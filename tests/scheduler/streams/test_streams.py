from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scheduler.streams import STREAMS, load_stream, pool, pool_factor
from scheduler.streams.types import PARTS, Loaded, StreamOptions


def test_digits_as_the_default_stream() -> None:
    stream = load_stream(StreamOptions(), 64)
    assert (stream.name, stream.setting) == ("digits", "class")
    assert (stream.channels, stream.steps, stream.classes) == (64, 25, 10)
    assert [e.name for e in stream.experiences] == ["0|1", "2|3", "4|5", "6|7", "8|9"]
    assert stream.notes == ()
    index = np.concatenate([getattr(e, name).index for e in stream.experiences for name in PARTS])
    assert sorted(index.tolist()) == list(range(1797))
    for share, name in ((0.6, "train"), (0.2, "validation"), (0.2, "test")):
        held = sum(len(getattr(e, name)) for e in stream.experiences)
        assert abs(held / 1797 - share) < 0.01


def test_a_sample_stays_in_its_part_whatever_the_setting() -> None:
    joint = load_stream(StreamOptions(setting="joint"), 64).experiences[0]
    split = load_stream(StreamOptions(classes_per_task=5), 64).experiences
    for name in PARTS:
        together = np.sort(np.concatenate([getattr(e, name).index for e in split]))
        np.testing.assert_array_equal(together, getattr(joint, name).index)
    np.testing.assert_array_equal(
        split[0].test.x, joint.test.x[joint.test.y < 5]
    )  # the same values, not only the same numbers


def test_limit_steps_and_gain() -> None:
    whole = load_stream(StreamOptions(setting="joint"), 64).experiences[0].test
    stream = load_stream(StreamOptions(setting="joint", limit=20, steps=40, gain=1.5), 64)
    few = stream.experiences[0].test
    assert stream.steps == 40
    assert np.bincount(few.y).max() <= 4
    np.testing.assert_allclose(few.x, np.minimum(1.5 * whole.x[np.isin(whole.index, few.index)], 1))
    assert few.x.max() == 1
    assert stream.notes == ("firing probabilities times 1.5, at most 1", "at most 20 samples of a class")


def test_too_many_channels_are_pooled_and_noted() -> None:
    stream = load_stream(StreamOptions(setting="joint"), 32)
    whole = load_stream(StreamOptions(setting="joint"), 64)
    assert stream.channels == 32
    assert stream.notes == ("pooled 64 -> 32 channels, factor 2",)
    x = whole.experiences[0].train.x
    np.testing.assert_allclose(stream.experiences[0].train.x, (x[:, :, 0::2] + x[:, :, 1::2]) / 2)


@pytest.mark.parametrize(
    ("channels", "most", "wanted", "factor"),
    [
        (64, 64, 0, 1),
        (1, 64, 0, 1),
        (64, 64, -1, 1),
        (65, 64, 0, 2),  # 5 would divide 65, but 2 leave 33 channels
        (784, 64, 0, 14),  # 13 would do, 14 divides: 56 channels
        (700, 64, 0, 14),
        (67, 64, 0, 2),
        (64, 4, 0, 16),
        (64, 1, 0, 64),
        (64, 64, 4, 4),
        (784, 64, 13, 13),
    ],
)
def test_the_factor_is_the_smallest_sufficient(channels: int, most: int, wanted: int, factor: int) -> None:
    assert pool_factor(channels, most, wanted) == factor
    assert pool(np.zeros((1, 1, channels), dtype=np.float32), factor).shape[2] <= most


@pytest.mark.parametrize(
    ("most", "wanted", "message"),
    [
        (64, -1, "100 channels, the chip 64 north wires, and stream.pool = -1 forbids"),
        (32, 2, "stream.pool = 2 leaves 50 channels for 32 north wires; set it to 0 or to 4 or more"),
        (64, 101, "stream.pool = 101, but the stream has 100 channels"),
        (0, 0, "the chip has 0 north wires"),
    ],
)
def test_channels_that_do_not_fit_are_refused(most: int, wanted: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pool_factor(100, most, wanted)


def test_a_last_short_group_is_averaged_over_what_it_holds() -> None:
    x = np.array([[[0.2, 0.4, 0.6, 0.8, 1.0]]], dtype=np.float32)
    np.testing.assert_allclose(pool(x, 2), [[[0.3, 0.7, 1.0]]], rtol=1e-6)


def test_a_users_own_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    def mine(options: StreamOptions) -> Loaded:
        y = np.tile([0, 1], 20)
        x = np.full((40, 9, 3), 0.25, dtype=np.float32)
        return Loaded(origin="mine", x=x, y=y, class_names=("yes", "no"), steps=9, notes=("synthetic",))

    monkeypatch.setitem(STREAMS, "mine", mine)
    stream = load_stream(StreamOptions(name="mine"), 64)
    assert (stream.steps, stream.channels, stream.class_names) == (9, 3, ("yes", "no"))
    assert stream.experiences[0].name == "yes|no"
    assert stream.notes == ("synthetic",)
    with pytest.raises(ValueError, match=r"stream\.steps = 10, but mine has 9 time steps"):
        load_stream(StreamOptions(name="mine", steps=10), 64)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"stream\.name = 'digit' is unknown; take one of digits, fsdd, arrays"):
        load_stream(StreamOptions(name="digit"), 64)


def test_own_arrays_by_task_and_by_domain(tmp_path: Path) -> None:
    y = np.repeat([0, 1, 2, 3], 10)
    x = np.random.default_rng(0).random((40, 5))
    np.savez(tmp_path / "a.npz", x=x, y=y, task=np.array([1, 1, 0, 0])[y])
    stream = load_stream(StreamOptions(name="arrays", path=str(tmp_path / "a.npz"), setting="task"), 64)
    assert [e.classes for e in stream.experiences] == [(2, 3), (0, 1)]
    np.savez(tmp_path / "b.npz", x=x, y=y, task=np.tile([5, 6], 20))
    stream = load_stream(StreamOptions(name="arrays", path=str(tmp_path / "b.npz"), setting="domain"), 64)
    assert [e.name for e in stream.experiences] == ["5", "6"]
    assert [e.classes for e in stream.experiences] == [(0, 1, 2, 3)] * 2
