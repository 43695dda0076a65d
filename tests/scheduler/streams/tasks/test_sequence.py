from __future__ import annotations

import numpy as np
import pytest

from smalti.scheduler.streams import STREAMS, load_stream
from smalti.scheduler.streams.made_options import SequenceOptions
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.types import PARTS, Loaded, Stream

CLASSES, EACH, STEPS = 5, 20, 6


def mine(options: StreamOptions) -> Loaded:
    """Samples that are told apart by their first channel; the domains are two speakers."""
    y = np.tile(np.arange(CLASSES), EACH)
    x = np.random.default_rng(0).random((len(y), STEPS, 4), dtype=np.float32)
    x[:, :, 0] = (np.arange(len(y)) / len(y))[:, None]
    return Loaded(
        origin="mine",
        x=x,
        y=y,
        class_names=tuple("abcde"),
        steps=options.steps or STEPS,
        domain=np.arange(len(y)) // CLASSES % 2,
        domain_names=("ann", "bob"),
    )


@pytest.fixture(autouse=True)
def _streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STREAMS, "mine", mine)


def load(how: str, of: str = "mine", **options: object) -> Stream:
    sequence = SequenceOptions(of=of, how=how)  # type: ignore[arg-type]
    return load_stream(StreamOptions(name="order", sequence=sequence, **options), 64)  # type: ignore[arg-type]


def test_every_sample_is_heard_forwards_and_backwards_in_one_part() -> None:
    stream = load("backwards")
    assert stream.class_names[:3] == ("a forwards", "a backwards", "b forwards")
    assert [e.name for e in stream.experiences[:2]] == ["a forwards|a backwards", "b forwards|b backwards"]
    whole = mine(StreamOptions()).x
    for e in stream.experiences:
        seen: set[int] = set()
        for part in PARTS:
            samples = getattr(e, part)
            number = np.rint(samples.x[:, 0, 0] * len(whole)).astype(int)
            forwards = samples.y % 2 == 0
            assert sorted(number[forwards]) == sorted(number[~forwards])
            assert not seen & set(number)
            seen |= set(number)
            np.testing.assert_array_equal(samples.x[forwards], whole[number[forwards]])
            np.testing.assert_array_equal(samples.x[~forwards], whole[number[~forwards]][:, ::-1])
        assert len(seen) == EACH


def test_pairs_of_classes_follow_each_other_in_both_orders() -> None:
    stream = load("pairs")
    assert stream.class_names == ("a then b", "b then a", "c then d", "d then c")
    assert stream.steps == 2 * STEPS
    given = mine(StreamOptions())
    assert given.domain is not None
    for e in stream.experiences:
        for part in PARTS:
            samples = getattr(e, part)
            first, second = (np.rint(samples.x[:, t, 0] * len(given.y)).astype(int) for t in (0, -1))
            classes = np.stack([given.y[first], given.y[second]], axis=1)
            one, other = e.classes
            assert (classes[samples.y == one] == [one, other]).all()
            assert (classes[samples.y == other] == [other, one]).all()
            assert (given.domain[first] == given.domain[second]).all()
            sums = samples.x.sum(axis=1, dtype=np.float64).round(4)
            assert sorted(map(tuple, sums[samples.y == one])) == sorted(map(tuple, sums[samples.y == other]))


def test_speakers_stay_domains_and_may_be_held_out() -> None:
    stream = load("backwards", setting="joint", hold_out="bob")
    test = stream.experiences[0].test
    assert (np.rint(test.x[:, 0, 0] * CLASSES * EACH).astype(int) // CLASSES % 2 == 1).all()
    assert len(test) == CLASSES * EACH
    assert [e.name for e in load("pairs", setting="domain").experiences] == ["ann", "bob"]


def test_images_follow_each_other_as_two_frames() -> None:
    stream = load("pairs", of="digits", limit=12)
    assert (stream.steps, stream.frames, stream.shape) == (50, 2, (8, 8))
    assert stream.class_names[:2] == ("0 then 1", "1 then 0")
    train = stream.experiences[0].train
    assert train.x.shape[1:] == (50, 64)
    np.testing.assert_array_equal(train.x[:, 0], train.x[:, 24])
    assert not np.array_equal(train.x[:, 24], train.x[:, 25])


@pytest.mark.parametrize(
    ("how", "options", "message"),
    [
        (
            "backwards",
            {"of": "digits"},
            r"digits has no time axis, so it is the same backwards; set",
        ),
        ("backwards", {"of": "order"}, r"stream\.sequence\.of = 'order' is no stream that has an order; .* digits"),
        ("backwards", {"of": "nback"}, r"stream\.sequence\.of = 'nback' asks for answers in time"),
        ("pairs", {"steps": 13}, r"stream\.steps = 13 cannot be shared by two samples; give an even number"),
    ],
)
def test_what_has_no_order_is_refused(how: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(how, **options)  # type: ignore[arg-type]
