from __future__ import annotations

import numpy as np
import pytest

from smalti.scheduler.streams import STREAMS, load_stream
from smalti.scheduler.streams.made_options import LongOptions
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.tasks.long import View
from smalti.scheduler.streams.types import PARTS, Loaded, Stream

CLASSES, EACH, SIDE = 5, 20, 4


def mine(options: StreamOptions) -> Loaded:
    """Images whose first pixel names the sample."""
    y = np.tile(np.arange(CLASSES), EACH)
    x = np.random.default_rng(0).random((len(y), 1, SIDE * SIDE), dtype=np.float32)
    x[:, 0, 0] = np.arange(len(y)) / len(y)
    return Loaded(origin="mine", x=x, y=y, class_names=tuple("abcde"), steps=6, image=(SIDE, SIDE))


@pytest.fixture(autouse=True)
def _streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STREAMS, "mine", mine)


def load(of: str = "mine", split_seed: int = 0, **options: object) -> Stream:
    return load_stream(StreamOptions(name="long", long=LongOptions(of=of, **options), split_seed=split_seed), 64)  # type: ignore[arg-type]


def test_every_task_has_classes_of_its_own_in_the_numbers_that_were_asked_for() -> None:
    stream = load(tasks=12, classes=(2, 4))
    assert len(stream.experiences) == 12
    sizes = {len(e.classes) for e in stream.experiences}
    assert sizes == {2, 4}
    numbers = [label for e in stream.experiences for label in e.classes]
    assert numbers == list(range(stream.classes))
    names = stream.class_names
    for task, e in enumerate(stream.experiences):
        assert e.name == "|".join(names[label] for label in e.classes)
        assert all(names[label].endswith(f" of {task}") for label in e.classes)
        assert set(e.train.y) == set(e.classes)


def test_samples_are_those_of_the_other_stream_and_stay_in_their_part() -> None:
    stream = load(tasks=20, noise=(0.0,))
    whole = {
        tuple(sorted(row)): (k, label)
        for k, (row, label) in enumerate(
            zip(mine(StreamOptions()).x[:, 0].tolist(), np.tile(np.arange(CLASSES), EACH).tolist(), strict=True)
        )
    }
    part_of: dict[int, str] = {}
    for e in stream.experiences:
        for part in PARTS:
            samples = getattr(e, part)
            for row, label in zip(samples.x[:, 0].tolist(), samples.y.tolist(), strict=True):
                number, own = whole[tuple(sorted(row))]  # whatever the view, the same values
                assert part_of.setdefault(number, part) == part
                assert stream.class_names[label].startswith("abcde"[own])


def test_a_view_is_shared_by_related_tasks_alone() -> None:
    def views(related: float) -> list[str]:
        (note,) = [note for note in load(tasks=30, related=related).notes if "30 tasks" in note]
        return [task.split(" ", 2)[2].lstrip("abcde ") for task in note.removeprefix("30 tasks: ").split("; ")]

    assert len(set(views(1.0))) == 1
    assert len(set(views(0.0))) > 20


def test_a_view_is_what_its_name_says() -> None:
    x = np.arange(32, dtype=np.float32).reshape(2, 1, 16) / 32
    chance = np.random.default_rng(0)
    turned = View(0, None, 1, 0.0).of(x, (4, 4), chance)
    np.testing.assert_array_equal(turned[1, 0].reshape(4, 4), np.rot90(x[1, 0].reshape(4, 4)))
    order = np.array([*range(8, 16), *range(8)])
    np.testing.assert_array_equal(View(3, order, 0, 0.0).of(x, None, chance), x[:, :, order])
    noisy = View(3, None, 0, 0.25).of(x, None, np.random.default_rng(1))
    np.testing.assert_allclose(noisy, 0.75 * x + 0.25 * np.random.default_rng(1).random(x.shape, dtype=np.float32))
    assert str(View(3, order, 1, 0.25)) == " turned 90 permuted 3 noise 0.25"


def test_the_split_seed_says_all() -> None:
    one, again, other = load(tasks=3), load(tasks=3), load(tasks=3, split_seed=1)
    assert one.notes == again.notes != other.notes
    for a, b in zip(one.experiences, again.experiences, strict=True):
        np.testing.assert_array_equal(a.train.x, b.train.x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": "long"}, r"stream\.long\.of = 'long' is no stream to make tasks of"),
        ({"of": "nback"}, r"stream\.long\.of = 'nback' asks for answers in time"),
        ({"classes": (9,)}, r"stream\.long\.classes = \[9\]: mine has 5 classes"),
        ({"noise": (1.0,)}, r"stream\.long\.noise = \[1\.0\] must hold shares"),
        ({"related": 2.0}, r"stream\.long\.related"),
    ],
)
def test_what_cannot_be_asked_for(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(**options)  # type: ignore[arg-type]
