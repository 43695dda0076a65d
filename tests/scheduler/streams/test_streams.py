from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smalti.scheduler.streams import STREAMS, load_stream
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.types import PARTS, Loaded


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


def test_images_that_do_not_fit_are_pooled_in_blocks_and_noted() -> None:
    whole = load_stream(StreamOptions(setting="joint"), 64).experiences[0].train.x
    stream = load_stream(StreamOptions(setting="joint"), 32)
    assert (stream.channels, stream.shape) == (32, (8, 4))
    assert stream.notes == ("pooled 8 x 8 -> 8 x 4 channels, blocks of 1 x 2 pixels",)
    np.testing.assert_allclose(stream.experiences[0].train.x, (whole[:, :, 0::2] + whole[:, :, 1::2]) / 2)
    stream = load_stream(StreamOptions(setting="joint"), 31)
    assert (stream.channels, stream.shape) == (16, (4, 4))
    blocks = whole.reshape(-1, 1, 4, 2, 4, 2).mean(axis=(3, 5)).reshape(-1, 1, 16)
    np.testing.assert_allclose(stream.experiences[0].train.x, blocks, rtol=1e-6)


def test_plain_channels_that_do_not_fit_are_pooled_by_a_factor(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((40, 6))
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(40) % 2)
    stream = load_stream(StreamOptions(name="arrays", path=str(tmp_path / "a.npz")), 3)
    assert (stream.channels, stream.shape) == (3, (3,))
    assert stream.notes == ("pooled 6 -> 3 channels, factor 2",)
    train = stream.experiences[0].train
    np.testing.assert_allclose(train.x[:, 0], x.reshape(40, 3, 2).mean(axis=2)[train.index], rtol=1e-6)


def test_a_users_own_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    def mine(options: StreamOptions) -> Loaded:
        y = np.tile([0, 1], 20)
        x = np.full((40, 9, 3), 0.25, dtype=np.float32) + 0.5 * y[:, None, None].astype(np.float32)
        return Loaded(origin="mine", x=x, y=y, class_names=("yes", "no"), steps=9, notes=("synthetic",))

    monkeypatch.setitem(STREAMS, "mine", mine)
    stream = load_stream(StreamOptions(name="mine"), 64)
    assert (stream.steps, stream.channels, stream.class_names) == (9, 3, ("yes", "no"))
    assert stream.experiences[0].name == "yes|no"
    assert stream.notes == ("synthetic",)
    with pytest.raises(
        ValueError, match=r"stream\.steps = 8, but mine has 9 time steps; set it to 0, or to that or more"
    ):
        load_stream(StreamOptions(name="mine", steps=8), 64)


def test_an_unknown_name_lists_the_known_ones() -> None:
    known = r"stream\.name = 'digit' is unknown; did you mean digits\? allowed: digits, mnist, fsdd, arrays"
    with pytest.raises(ValueError, match=known):
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


def test_own_arrays_with_a_domain_held_out(tmp_path: Path) -> None:
    y = np.tile([0, 1], 30)
    speaker = np.repeat([5, 6, 7], 20)
    np.savez(tmp_path / "a.npz", x=np.random.default_rng(0).random((60, 5)), y=y, task=speaker)
    path = str(tmp_path / "a.npz")
    stream = load_stream(StreamOptions(name="arrays", path=path, setting="domain", hold_out="6"), 64)
    assert [e.name for e in stream.experiences] == ["5", "7"]
    for e in stream.experiences:
        assert (speaker[e.test.index] == 6).all()
        assert len(e.test) == 20
    with pytest.raises(ValueError, match=r"stream.hold_out = '8' is not in .*a\.npz; take one of 5, 6, 7"):
        load_stream(StreamOptions(name="arrays", path=path, setting="joint", hold_out="8"), 64)


def test_holding_out_needs_domains() -> None:
    with pytest.raises(ValueError, match=r"stream.hold_out = 'ann' names a speaker .* digits has none; take fsdd"):
        load_stream(StreamOptions(hold_out="ann"), 64)


def test_domains_come_from_the_data_or_from_a_transform() -> None:
    with pytest.raises(ValueError, match=r"digits: stream.setting = 'domain' needs a domain .* stream.transform"):
        load_stream(StreamOptions(setting="domain"), 64)
    stream = load_stream(StreamOptions(setting="domain", transform="rotated", tasks=2, limit=10), 64)
    assert len(stream.experiences) == 2
