from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from smalti.scheduler.streams import STREAMS, Stream, load_stream
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.transforms import rotate
from smalti.scheduler.streams.types import PARTS, Loaded

COUNT = 40
X = np.random.default_rng(0).random((COUNT, 1, 16)).astype(np.float32)  # no two channels alike
Y = np.arange(COUNT) % 4


@pytest.fixture(autouse=True)
def pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of 4 x 4 pixels, and one of plain channels with a time axis."""

    def image(options: StreamOptions) -> Loaded:
        return Loaded(origin="image", x=X, y=Y, class_names=tuple("abcd"), steps=9, image=(4, 4))

    def plain(options: StreamOptions) -> Loaded:
        x = np.repeat(X, 3, axis=1) * np.array([[1], [0.5], [0.25]], dtype=np.float32)
        return Loaded(origin="plain", x=x, y=Y, class_names=tuple("abcd"), steps=3)

    monkeypatch.setitem(STREAMS, "image", image)
    monkeypatch.setitem(STREAMS, "plain", plain)


def load(wires: int = 64, **fields: Any) -> Stream:
    return load_stream(StreamOptions(**({"name": "image", "setting": "domain"} | fields)), wires)


def whole(stream: Stream, task: int) -> np.ndarray:
    """All samples [S, T, I] of a task in the order of the data set."""
    parts = [getattr(stream.experiences[task], part) for part in PARTS]
    index = np.concatenate([part.index for part in parts])
    return np.concatenate([part.x for part in parts])[np.argsort(index)]


@pytest.mark.parametrize(("angle", "turns"), [(0, 0), (90, 1), (180, 2), (-90, 3)])
def test_quarter_turns_are_exact_and_anticlockwise(angle: float, turns: int) -> None:
    turned = rotate(X, (4, 4), angle)
    expected = np.rot90(X.reshape(COUNT, 4, 4), turns, axes=(1, 2)).reshape(COUNT, 1, 16)
    assert turned.dtype == np.float32
    np.testing.assert_allclose(turned, expected, atol=1e-6)


def test_an_oblong_image_keeps_its_size_and_a_point_lands_where_geometry_says() -> None:
    picture = np.zeros((1, 1, 5, 9), dtype=np.float32)
    picture[0, 0, 2, 6] = 1  # two pixels right of the middle
    turned = rotate(picture.reshape(1, 1, 45), (5, 9), 90).reshape(5, 9)
    expected = np.zeros((5, 9))
    expected[0, 4] = 1  # two above it
    np.testing.assert_allclose(turned, expected, atol=1e-6)
    half = rotate(picture.reshape(1, 1, 45), (5, 9), 45).reshape(5, 9)
    assert np.unravel_index(half.argmax(), half.shape) == (1, 5)  # one above, one right: 2 cos 45 = 1.41
    assert half.min() >= 0


def test_the_first_task_is_the_data_as_they_are_and_all_share_classes_and_parts() -> None:
    for transform in ("permuted", "rotated"):
        plain, stream = load(setting="joint").experiences[0], load(transform=transform)
        assert len(stream.experiences) == 5
        assert stream.experiences[0].name == "original"
        for e in stream.experiences:
            assert e.classes == (0, 1, 2, 3)
            for part in PARTS:
                np.testing.assert_array_equal(getattr(e, part).y, Y[getattr(e, part).index - COUNT * e.task])
                own = np.sort(getattr(e, part).index) - COUNT * e.task
                assert own.max() < COUNT
        np.testing.assert_array_equal(stream.experiences[0].test.x, plain.test.x)
        sizes = [[len(getattr(e, part)) for part in PARTS] for e in stream.experiences]
        assert sizes == [[len(getattr(plain, part)) for part in PARTS]] * 5


def test_a_sample_keeps_its_part_in_every_task() -> None:
    """Permuted or not, an image has the same sorted pixels: those tested never occur in another task's training."""
    stream = load(transform="permuted")

    def images(part: str, task: int) -> set[tuple[float, ...]]:
        return {tuple(row) for row in np.sort(getattr(stream.experiences[task], part).x[:, 0], axis=1).tolist()}

    for part in PARTS:
        assert all(images(part, task) == images(part, 0) for task in range(5))
    assert not images("train", 0) & images("test", 0)


@pytest.mark.parametrize("name", ["image", "plain"])
def test_a_permutation_is_one_for_all_samples_and_steps_and_another_for_every_task(name: str) -> None:
    stream = load(name=name, transform="permuted", tasks=4)
    assert [e.name for e in stream.experiences] == ["original", "permuted 1", "permuted 2", "permuted 3"]
    original, orders = whole(stream, 0), []
    for task in (1, 2, 3):
        x = whole(stream, task)
        order = find_order(original, x)
        assert sorted(order) == list(range(16))
        orders.append(tuple(order))
    assert len({tuple(range(16)), *orders}) == 4


def find_order(original: np.ndarray, x: np.ndarray) -> list[int]:
    """Which channel of the original each channel is."""
    same = (original[:, :, :, None] == x[:, :, None, :]).all(axis=(0, 1))
    assert (same.sum(axis=0) == 1).all()
    return [int(k) for k in same.argmax(axis=0)]


def test_what_is_permuted_are_the_pooled_channels() -> None:
    stream = load(wires=4, transform="permuted", tasks=2)
    assert (stream.channels, stream.shape) == (4, (2, 2))
    original, permuted = whole(stream, 0), whole(stream, 1)
    blocks = X.reshape(COUNT, 1, 2, 2, 2, 2).mean(axis=(3, 5)).reshape(COUNT, 1, 4)
    np.testing.assert_allclose(original, blocks, rtol=1e-6)
    assert sorted(find_order(original, permuted)) == [0, 1, 2, 3]


def test_images_are_rotated_before_they_are_pooled() -> None:
    stream = load(wires=4, transform="rotated", tasks=3)
    angles = [int(e.name.removeprefix("rotated ")) for e in stream.experiences[1:]]
    assert 60 <= angles[0] < 120 <= angles[1] < 180  # each in its third of 180 degrees
    kept = load(wires=64, transform="rotated", tasks=3)
    for task, angle in enumerate(angles, start=1):
        turned = rotate(whole(kept, 0), (4, 4), angle)
        np.testing.assert_allclose(whole(kept, task), turned, atol=1e-6)
        blocks = turned.reshape(COUNT, 1, 2, 2, 2, 2).mean(axis=(3, 5)).reshape(COUNT, 1, 4)
        np.testing.assert_allclose(whole(stream, task), blocks, atol=1e-6)


def test_everything_follows_from_the_seed_of_the_split() -> None:
    for transform in ("permuted", "rotated"):
        first, again, other = (load(transform=transform, split_seed=seed) for seed in (0, 0, 1))
        for a, b in zip(first.experiences, again.experiences, strict=True):
            assert a.name == b.name
            np.testing.assert_array_equal(a.train.x, b.train.x)
        assert not np.array_equal(whole(first, 1), whole(other, 1))


def test_joint_holds_the_samples_of_all_tasks() -> None:
    apart, together = load(transform="rotated", tasks=3), load(transform="rotated", tasks=3, setting="joint")
    (joint,) = together.experiences
    for part in PARTS:
        index = np.concatenate([getattr(e, part).index for e in apart.experiences])
        np.testing.assert_array_equal(np.sort(index), np.sort(getattr(joint, part).index))
    np.testing.assert_array_equal(whole(together, 0), np.concatenate([whole(apart, task) for task in range(3)]))
    assert together.notes == (f"tasks are copies of the data: {', '.join(e.name for e in apart.experiences)}",)


def test_limit_and_gain_apply_to_every_task() -> None:
    stream = load(transform="permuted", tasks=2, limit=5, gain=0.5)
    for e in stream.experiences:
        y = np.concatenate([getattr(e, part).y for part in PARTS])
        assert np.bincount(y).tolist() == [5, 5, 5, 5]
    assert 0.4 < whole(stream, 1).max() <= 0.5


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="'rotated' turns images, and the channels of plain are none; take permuted"):
        load(name="plain", transform="rotated")
    with pytest.raises(ValueError, match=r"stream.tasks = 181 asks for more angles than 180 whole degrees"):
        load(transform="rotated", tasks=181)


def test_where_tasks_share_no_classes_every_copy_has_its_own() -> None:
    """Three copies of four classes are six tasks of two; samples are those of the domains, labels are numbered on."""
    for transform in ("permuted", "rotated"):
        shared = load(transform=transform, tasks=3)
        copies = [e.name for e in shared.experiences]
        own = load(transform=transform, tasks=3, setting="class")
        assert [e.classes for e in own.experiences] == [(k, k + 1) for k in range(0, 12, 2)]
        assert own.class_names == (*"abcd", *(f"{kind} {copy}" for copy in copies[1:] for kind in "abcd"))
        assert [e.name for e in own.experiences[2:4]] == [
            f"a {copies[1]}|b {copies[1]}",
            f"c {copies[1]}|d {copies[1]}",
        ]
        for e in own.experiences:
            for part in PARTS:
                found, copy = getattr(e, part), getattr(shared.experiences[e.task // 2], part)
                here = np.isin(copy.index, found.index)
                np.testing.assert_array_equal(found.x, copy.x[here])
                np.testing.assert_array_equal(found.y, copy.y[here] + 4 * (e.task // 2))
                assert set(found.y.tolist()) == set(e.classes)
