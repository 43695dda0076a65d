from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from smalti.scheduler.streams import Stream, StreamOptions, load_stream, memory
from smalti.scheduler.streams.survey import heard
from smalti.scheduler.streams.survey.excerpt import window_sums


def letters(classes: int = 26, samples: int = 25, levels: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Classes that differ by small steps of many features, as those of UCI's letters do."""
    chance = np.random.default_rng(0)
    centres = chance.integers(6, 10, (classes, 16))
    y = np.arange(classes * samples) % classes
    x = np.clip(centres[y] + chance.normal(0, 0.8, (len(y), 16)).round(), 0, levels - 1)
    return x / (levels - 1), y


def measured(x: np.ndarray, y: np.ndarray, wires: int = 64, shape: Any = None, **fields: Any) -> heard.Heard:
    stream = load_stream(StreamOptions(name="arrays", **fields), wires, memory.arrays(x, y, shape=shape))
    found = heard.measure(stream)
    assert found is not None
    return found


def test_small_differences_of_many_levels_are_lost_in_bernoulli_spikes_and_population_code_keeps_them() -> None:
    plain = measured(*letters())
    assert plain.loses
    assert plain.exact - plain.heard > 0.15
    assert "--stream.code population has" in plain.cure
    (warning,) = plain.warnings
    assert warning.startswith("warning: much of the data is not heard")
    coded = measured(*letters(), code="population")
    assert coded.exact == plain.exact
    assert coded.heard > plain.heard + 0.1
    assert not coded.warnings


def test_digits_are_heard_in_a_second() -> None:
    stream = load_stream(StreamOptions(), 64)
    heard.measure(stream)  # imports scikit-learn
    begin = time.perf_counter()
    found = heard.measure(stream)
    assert time.perf_counter() - begin < 2  # some tenths of a second on an idle machine
    assert found is not None
    assert found.exact > 0.97
    assert found.heard > 0.96
    assert not found.warnings
    assert len(found.facts) == 1
    assert found == heard.measure(stream)


def test_what_pooling_loses_is_told_and_a_wider_chip_named() -> None:
    chance = np.random.default_rng(1)
    y = np.arange(400) % 8
    codes = chance.random((8, 64)) < 0.5
    x = np.where(codes[y], 0.9, 0.1)
    found = measured(x, y, wires=2)
    assert found.loses
    assert "a chip that need not pool (--fabric.wires) has 100%" in found.cure
    assert not measured(x, y).loses


def test_spikes_before_and_after_pooling() -> None:
    chance = np.random.default_rng(2)
    y = np.arange(200) % 4
    x = chance.random((200, 30, 2 * 8 * 8)) < 0.02 + 0.06 * np.eye(4)[y][:, None].repeat(32, 2)
    found = measured(x, y, wires=32, shape=(2, 8, 8))
    assert found.given == pytest.approx(x[: len(y)].sum() / 200, rel=0.05)
    assert found.merged
    assert 0.8 < found.kept < 1  # few fall into the same block and time step
    assert "those in one block and time step are one" in found.facts[1]
    averaged = measured(x, y, wires=32, shape=(2, 8, 8), pooling="mean")
    assert averaged.kept == pytest.approx(0.25)
    assert found.heard > averaged.heard


def test_labels_that_have_nothing_to_do_with_the_samples_are_told() -> None:
    chance = np.random.default_rng(3)
    found = measured(chance.random((200, 16)), np.arange(200) % 4)
    assert "simple classifiers only guess" in found.warnings[0]


def test_the_test_part_is_not_looked_at() -> None:
    x, y = letters(8)
    part = np.array(["train", "train", "train", "validation", "test"])[np.arange(len(y)) // 8 % 5]
    other = x.copy()
    other[part == "test"] = 0.5
    one, two = (
        heard.measure(load_stream(StreamOptions(name="arrays"), 64, memory.arrays(given, y, part=part)))
        for given in (x, other)
    )
    assert one == two


def test_the_classifiers_agree_with_a_search() -> None:
    chance = np.random.default_rng(4)
    x, y = chance.random((30, 5)), np.arange(30) % 3
    distance = ((x[:, None] - x) ** 2).sum(axis=2) + np.diag(np.full(30, np.inf))
    for sample, found in enumerate(heard._nearest(x, y)):
        votes = np.bincount(y[distance[sample].argsort()[:3]], minlength=3)
        assert votes.max() == 1 or votes[found] == votes.max()
    for sample, found in enumerate(heard._nearest_mean(x, y)):
        others = np.arange(30) != sample
        means = np.stack([x[others & (y == label)].mean(axis=0) for label in range(3)])
        assert found == ((x[sample] - means) ** 2).sum(axis=1).argmin()


def test_windows_of_time() -> None:
    x = np.arange(2 * 7 * 3).reshape(2, 7, 3)
    sums = window_sums(x, 2)
    np.testing.assert_array_equal(sums, np.concatenate([x[:, :3].sum(1), x[:, 3:].sum(1)], axis=1))


def test_a_stream_that_was_made_by_hand_is_not_measured() -> None:
    stream = load_stream(StreamOptions(), 64)
    bare = Stream(stream.name, stream.setting, stream.experiences, 64, 25, 10, stream.class_names, ())
    assert heard.measure(bare) is None
