from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis

from smalti.scheduler.streams import load_stream
from smalti.scheduler.streams.made_options import ParityOptions
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.tasks.parity import ANSWER, GROUP, HIGH, LENGTH, LOW, PULSE, bits
from smalti.scheduler.streams.types import Stream


def load(setting: str = "class", **options: object) -> Stream:
    parity = ParityOptions(**options)  # type: ignore[arg-type]
    return load_stream(StreamOptions(name="parity", setting=setting, parity=parity), 64)  # type: ignore[arg-type]


def test_bits_have_the_parity_asked_for_and_are_even_otherwise() -> None:
    answer = np.arange(4000) % 2
    drawn = bits(3, answer, np.random.default_rng(0))
    assert (drawn.sum(axis=1) % 2 == answer).all()
    seen, counts = np.unique(drawn[:, :2] @ [1, 2], return_counts=True)
    assert seen.tolist() == [0, 1, 2, 3]
    assert counts.min() > 850


@pytest.mark.parametrize("count", [1, 3, 8])
def test_the_number_of_pulses_of_the_second_kind_has_the_parity(count: int) -> None:
    train = load(counts=(count,), samples=400).experiences[0].train
    pulses = (train.x == np.float32(PULSE)).sum(axis=(1, 2)) / (GROUP * LENGTH)
    second = (train.x[:, :, GROUP:] == np.float32(PULSE)).sum(axis=(1, 2)) / (GROUP * LENGTH)
    assert (pulses == count).all()
    assert (second % 2 == train.y).all()
    assert (train.x[:, -ANSWER:] < PULSE).all()
    assert (train.x[:, -ANSWER - 1] == np.float32(PULSE)).any()


def test_the_number_of_high_rates_has_the_parity_and_all_tasks_have_the_same_channels() -> None:
    stream = load(of="rates", counts=(2, 4), samples=400)
    assert stream.channels == 4 * GROUP
    for count, experience in zip((2, 4), stream.experiences, strict=True):
        rates = experience.train.x[:, 0, ::GROUP]
        assert (((rates == np.float32(HIGH)).sum(axis=1) + experience.train.y) % 2 == 0).all()
        assert (((rates == np.float32(HIGH)) | (rates == np.float32(LOW))).sum(axis=1) == count).all()


def test_products_of_two_counts_tell_two_pulses_and_no_more() -> None:
    for count, solved in ((2, True), (3, False)):
        (task,) = load(counts=(count,), samples=2000).experiences
        counts, asked = (part.x.reshape(len(part), -1, 2, GROUP).sum(axis=(1, 3)) for part in (task.train, task.test))
        noisy, heard = (c + np.random.default_rng(1).normal(size=c.shape) for c in (counts, asked))
        linear = LinearDiscriminantAnalysis().fit(noisy, task.train.y).score(heard, task.test.y)
        quadratic = QuadraticDiscriminantAnalysis().fit(noisy, task.train.y).score(heard, task.test.y)
        assert linear < 0.75
        assert (quadratic > 0.9) == solved


def test_settings_share_the_classes_or_do_not() -> None:
    apart, shared = load(counts=(2, 3), samples=200), load("domain", counts=(2, 3), samples=200)
    assert apart.class_names == ("even 2", "odd 2", "even 3", "odd 3")
    assert [e.classes for e in apart.experiences] == [(0, 1), (2, 3)]
    assert shared.class_names == ("even", "odd")
    assert [(e.name, e.classes) for e in shared.experiences] == [("2", (0, 1)), ("3", (0, 1))]
    for one, other in zip(apart.experiences, shared.experiences, strict=True):
        assert np.bincount(other.train.y).tolist() == np.bincount(one.train.y)[one.classes[0] :].tolist()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"stream\.parity\.counts = \[2, 9\] must hold one or more different numbers"):
        load(counts=(2, 9))
    with pytest.raises(ValueError, match=r"stream\.path = 'x': the stream parity is made; leave the path empty"):
        load_stream(StreamOptions(name="parity", path="x"), 64)
