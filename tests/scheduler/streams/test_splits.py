from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalti.scheduler.streams import load_stream
from smalti.scheduler.streams.fingerprint import fingerprint
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.splits import experiences, hold_out, returning, shuffled, split
from smalti.scheduler.streams.types import PARTS, Loaded, Samples


def data(y: Any, **fields: Any) -> Loaded:
    y = np.asarray(y)
    x = np.full((len(y), 1, 1), 0.5, dtype=np.float32)
    names = tuple(str(label) for label in np.unique(y))
    return Loaded(origin="mine", x=x, y=y, class_names=names, steps=25, **fields)


def cut(loaded: Loaded, options: StreamOptions) -> Any:
    samples = Samples(loaded.x, loaded.y, np.arange(len(loaded.y)))
    return experiences(loaded, samples, split(loaded, options), options)


@given(
    counts=st.lists(st.integers(4, 40), min_size=2, max_size=5),
    validation=st.floats(0.05, 0.35),
    test=st.floats(0.05, 0.35),
    seed=st.integers(0, 3),
)
def test_parts_are_disjoint_complete_and_stratified(
    counts: list[int], validation: float, test: float, seed: int
) -> None:
    loaded = data(np.repeat(np.arange(len(counts)), counts))
    parts = split(loaded, StreamOptions(validation=validation, test=test, split_seed=seed))
    together = np.concatenate([parts[name] for name in PARTS])
    assert sorted(together.tolist()) == list(range(sum(counts)))
    for name, share in (("validation", validation), ("test", test)):
        for label, count in enumerate(counts):
            held = int(np.sum(loaded.y[parts[name]] == label))
            assert held >= 1
            assert abs(held - share * count) <= 0.5 or held == 1


def test_parts_take_from_every_domain_in_proportion() -> None:
    domain = np.tile(np.repeat([0, 1, 2], [100, 40, 60]), 2)  # in each of two classes
    loaded = data(np.repeat([0, 1], 200), domain=domain, domain_names=("a", "b", "c"))
    parts = split(loaded, StreamOptions(validation=0.1, test=0.25))
    for label in (0, 1):
        for name, expected in (("test", [25, 10, 15]), ("validation", [10, 4, 6])):
            rows = parts[name][loaded.y[parts[name]] == label]
            counts = np.bincount(domain[rows], minlength=3)
            assert np.abs(counts - expected).max() <= 1
            assert counts.sum() == sum(expected)


def test_the_split_depends_on_its_seed_and_on_nothing_of_the_setting() -> None:
    loaded = data(np.repeat([0, 1, 2, 3], 30), domain=np.tile([0, 1], 60), domain_names=("a", "b"))
    first = split(loaded, StreamOptions(setting="class"))
    for setting in ("task", "domain", "joint"):
        other = split(loaded, StreamOptions(setting=setting, classes_per_task=4, gain=0.5, steps=7))
        for name in PARTS:
            np.testing.assert_array_equal(first[name], other[name])
    assert not np.array_equal(first["test"], split(loaded, StreamOptions(split_seed=1))["test"])


def test_given_parts_are_kept_and_missing_ones_drawn_from_train() -> None:
    part = np.tile(["train"] * 8 + ["test"] * 2, 2)
    loaded = data(np.repeat([0, 1], 10), part=part)
    parts = split(loaded, StreamOptions(validation=0.25))
    np.testing.assert_array_equal(parts["test"], np.flatnonzero(part == "test"))
    assert np.bincount(loaded.y[parts["validation"]]).tolist() == [2, 2]  # a quarter of 8
    assert np.bincount(loaded.y[parts["train"]]).tolist() == [6, 6]
    complete = np.tile(["train", "train", "validation", "test", "test"], 4)
    parts = split(data(np.repeat([0, 1], 10), part=complete), StreamOptions())
    for name in PARTS:
        np.testing.assert_array_equal(parts[name], np.flatnonzero(complete == name))


@pytest.mark.parametrize("counts", [[10, 2], [1, 10]])
def test_a_class_too_small_to_split_is_named(counts: list[int]) -> None:
    small = int(np.argmin(counts))
    with pytest.raises(ValueError, match=f"mine: class {small} has {min(counts)} samples"):
        split(data(np.repeat([0, 1], counts)), StreamOptions())


def test_a_class_missing_from_a_given_part_is_named() -> None:
    part = np.array(["train"] * 10 + ["train"] * 9 + ["test"])
    with pytest.raises(ValueError, match="class 0 has 10 samples and none of them in the part test"):
        split(data(np.repeat([0, 1], 10), part=part), StreamOptions())


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(3, [1, 1, 1]), (10, [6, 2, 2]), (50, [30, 10, 10]), (100, [60, 20, 20]), (999, [60, 20, 20])],
)
def test_limit_keeps_so_many_of_a_class_in_proportion(limit: int, expected: list[int]) -> None:
    loaded = data(np.repeat([0, 1], 100))
    parts, whole = split(loaded, StreamOptions(limit=limit)), split(loaded, StreamOptions())
    for name, count in zip(PARTS, expected, strict=True):
        assert np.bincount(loaded.y[parts[name]]).tolist() == [count, count]
        assert np.isin(parts[name], whole[name]).all()  # a kept sample stays in its part


@given(counts=st.tuples(*[st.integers(1, 30)] * 3), limit=st.integers(3, 60))
def test_limit_never_empties_a_part(counts: tuple[int, int, int], limit: int) -> None:
    part = np.repeat(PARTS, counts)
    loaded = data(np.repeat([0, 1], sum(counts)), part=np.tile(part, 2))
    parts = split(loaded, StreamOptions(limit=limit))
    kept = np.array([np.sum(loaded.y[parts[name]] == 0) for name in PARTS])
    assert (kept >= 1).all()
    assert kept.sum() <= limit
    assert kept.sum() == sum(counts) or kept.sum() >= min(limit, sum(counts)) - 2


def test_class_experiences_hold_consecutive_classes() -> None:
    loaded = data(np.repeat(np.arange(8), 10))
    made = cut(loaded, StreamOptions(classes_per_task=3))
    assert [e.name for e in made] == ["0|1|2", "3|4|5", "6|7"]
    assert [e.classes for e in made] == [(0, 1, 2), (3, 4, 5), (6, 7)]
    assert [e.task for e in made] == [0, 1, 2]
    index = np.concatenate([getattr(e, name).index for e in made for name in PARTS])
    assert sorted(index.tolist()) == list(range(80))
    for e in made:
        for name in PARTS:
            assert set(getattr(e, name).y.tolist()) == set(e.classes)
            np.testing.assert_array_equal(loaded.y[getattr(e, name).index], getattr(e, name).y)


def test_a_base_of_many_and_sessions_of_few() -> None:
    loaded = data(np.repeat(np.arange(8), 30))
    made = cut(loaded, StreamOptions(base=4, shots=3))
    assert [e.name for e in made] == ["0|1|2|3", "4|5", "6|7"]
    whole = cut(loaded, StreamOptions(base=4))
    for number, (e, full) in enumerate(zip(made, whole, strict=True)):
        for name in PARTS:
            here, there = getattr(e, name), getattr(full, name)
            kept = np.bincount(here.y, minlength=8)[list(e.classes)].tolist()
            assert kept == [3] * 2 if number and name != "test" else len(here) == len(there)
            assert set(here.index.tolist()) <= set(there.index.tolist())
    other = cut(loaded, StreamOptions(base=4, shots=3, split_seed=1))
    assert made[1].train.index.tolist() != other[1].train.index.tolist()


def test_task_and_class_settings_make_the_same_experiences() -> None:
    loaded = data(np.repeat(np.arange(4), 10))
    for a, b in zip(*(cut(loaded, StreamOptions(setting=s)) for s in ("class", "task")), strict=True):
        assert (a.name, a.classes) == (b.name, b.classes)
        np.testing.assert_array_equal(a.train.index, b.train.index)


def test_joint_holds_everything() -> None:
    (only,) = cut(data(np.repeat([0, 1, 2], 10)), StreamOptions(setting="joint"))
    assert (only.task, only.name, only.classes) == (0, "joint", (0, 1, 2))
    assert len(only.train) + len(only.validation) + len(only.test) == 30


def test_domain_experiences_share_all_classes() -> None:
    domain = np.tile([0, 1], 20)
    made = cut(
        data(np.repeat([0, 1], 20), domain=domain, domain_names=("ann", "bob")),
        StreamOptions(setting="domain"),
    )
    assert [e.name for e in made] == ["ann", "bob"]
    assert [e.classes for e in made] == [(0, 1), (0, 1)]
    for code, e in enumerate(made):
        for name in PARTS:
            assert (domain[getattr(e, name).index] == code).all()
    assert sum(len(getattr(e, name)) for e in made for name in PARTS) == 40


def test_own_tasks_define_the_experiences_by_their_label_sets() -> None:
    y = np.repeat([0, 1, 2, 3, 4], 10)
    owner = np.array([1, 0, 1, 0, 0])[y]  # classes 1, 3, 4 come first
    made = cut(data(y, domain=owner, domain_names=("7", "9"), tasks=True), StreamOptions())
    assert [e.classes for e in made] == [(1, 3, 4), (0, 2)]
    assert [e.name for e in made] == ["1|3|4", "0|2"]


@pytest.mark.parametrize(
    ("options", "fields", "message"),
    [
        ({"classes_per_task": 2}, {}, "classes_per_task = 2 leaves a single one of the 5.*take one of 3, 5"),
        ({"classes_per_task": 4}, {}, "classes_per_task = 4 leaves a single one"),
        ({"classes_per_task": 6}, {}, "classes_per_task = 6, but mine has 5 classes"),
        ({"base": 4}, {}, "classes_per_task = 2 leaves a single one of the 5.*take stream.base = 5"),
        ({"base": 6}, {}, "stream.base = 6, but mine has 5 classes"),
        ({"setting": "domain"}, {}, "mine: stream.setting = 'domain' needs a domain"),
        (
            {"setting": "domain"},
            {"domain": np.repeat([0, 1, 1, 1, 1], 10), "domain_names": ("ann", "bob")},
            "mine: domain ann has no sample of class 1",
        ),
        (
            {},
            {"domain": np.repeat([0, 1, 1, 1, 1], 10), "domain_names": ("ann", "bob"), "tasks": True},
            "mine: task ann holds a single class",
        ),
        (
            {},
            {"domain": np.tile([0, 1], 25), "domain_names": ("ann", "bob"), "tasks": True},
            "mine: class 0 occurs in the tasks ann and bob",
        ),
    ],
)
def test_data_that_do_not_go_with_the_setting_are_refused(
    options: dict[str, Any], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        cut(data(np.repeat(np.arange(5), 10), **fields), StreamOptions(**options))


def test_a_domain_without_samples_in_a_part_is_named() -> None:
    domain = np.zeros(200, dtype=np.int64)
    domain[[0, 100]] = 1  # one sample of each class: no room for three parts
    loaded = data(np.repeat([0, 1], 100), domain=domain, domain_names=("ann", "bob"))
    with pytest.raises(ValueError, match=r"mine: experience bob has no (train|validation|test) samples; give it more"):
        cut(loaded, StreamOptions(setting="domain"))


def test_holding_out_overrides_given_parts_but_for_validation_of_the_others() -> None:
    part = np.tile(["train", "train", "validation", "test"], 6)
    domain = np.repeat([0, 1, 2], 8)
    loaded = data(np.tile([0, 0, 0, 0, 1, 1, 1, 1], 3), domain=domain, domain_names=("a", "b", "c"), part=part)
    held = hold_out(loaded, "b")
    assert held.part is not None
    assert (
        held.part.tolist()
        == ["train", "train", "validation", "train"] * 2
        + ["test"] * 8
        + [
            "train",
            "train",
            "validation",
            "train",
        ]
        * 2
    )
    assert held.notes == ("b held out: all 8 samples are the test part, those of the others train and validate",)
    made = cut(held, StreamOptions(setting="domain", hold_out="b"))
    assert [(e.name, len(e.train), len(e.validation), len(e.test)) for e in made] == [("a", 6, 2, 8), ("c", 6, 2, 8)]


def test_holding_out_the_only_domain_leaves_nothing_to_train() -> None:
    loaded = data(np.repeat([0, 1], 10), domain=np.zeros(20, dtype=np.int64), domain_names=("ann",))
    with pytest.raises(ValueError, match="class 0 has 10 samples and none of them in the part train"):
        split(hold_out(loaded, "ann"), StreamOptions(hold_out="ann"))


def test_shuffled_tasks_keep_their_numbers_and_the_data_their_fingerprint() -> None:
    options = StreamOptions(name="digits", limit=9)
    stream = load_stream(options, 64)
    other = shuffled(stream, np.random.default_rng(3))
    assert [e.task for e in other.experiences] != [e.task for e in stream.experiences]
    assert {e.task: e for e in other.experiences} == {e.task: e for e in stream.experiences}
    assert fingerprint(other) == fingerprint(stream)
    with pytest.raises(ValueError, match="shuffle"):
        StreamOptions(shuffle=True, order=(1, 0))


@pytest.mark.parametrize("seed", range(5))
def test_returning_tasks_come_once_more_and_later(seed: int) -> None:
    stream = load_stream(StreamOptions(name="digits", limit=9), 64)
    course = [e.task for e in returning(stream, 0.6, np.random.default_rng(seed)).experiences]
    counts = [course.count(task) for task in range(5)]
    assert sorted(counts) == [1, 1, 2, 2, 2]
    assert [task for place, task in enumerate(course) if task not in course[:place]] == [*range(5)]
    assert all(a != b or a == 4 for a, b in pairwise(course))  # there is nothing to put behind the last
    again = returning(stream, 0.6, np.random.default_rng(seed))
    assert all(sum(e is one for e in again.experiences) == counts[one.task] for one in stream.experiences)


def test_a_share_of_returns_is_checked() -> None:
    with pytest.raises(ValueError, match=r"stream\.returns = 2\.0 is a share of the tasks"):
        StreamOptions(returns=2.0)
    with pytest.raises(ValueError, match=r"stream\.returns draws which tasks come again, and order = \[0, 0\] says it"):
        StreamOptions(returns=0.5, order=(0, 0))
