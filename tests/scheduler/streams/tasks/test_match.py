from __future__ import annotations

import numpy as np
import pytest

from smalti.scheduler.streams import load_stream
from smalti.scheduler.streams.made_options import MatchOptions
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.tasks.match import ANSWER, LENGTH, matching, pairs
from smalti.scheduler.streams.types import Samples, Stream

SIZE = 8


def load(name: str, **options: object) -> Stream:
    return load_stream(StreamOptions(name=name, match=MatchOptions(samples=400, **options)), 64)  # type: ignore[arg-type]


def direction(samples: Samples, step: int, ring: int = 0) -> np.ndarray:
    """Where the bump of a ring is at a step [S]."""
    return np.asarray(samples.x[:, step, ring * SIZE : (ring + 1) * SIZE].argmax(axis=1))


def test_pairs_have_each_direction_as_often_in_both_classes() -> None:
    same = np.arange(16000) % 2
    first, last = pairs(SIZE, same, np.random.default_rng(0))
    assert ((first == last) == same).all()
    for chosen in (first, last):
        counts = np.array([np.bincount(chosen[same == kind], minlength=SIZE) for kind in (0, 1)])
        assert abs(counts / 8000 - 1 / SIZE).max() < 0.015


@pytest.mark.parametrize("rings", [2, 3])
def test_the_context_says_which_rings_stimuli_are_compared(rings: int) -> None:
    stream = load("context-match", rings=rings, delays=(5, 12))
    assert (stream.channels, stream.steps) == (rings * (2 * SIZE + 1), 12 + 2 * LENGTH + ANSWER)
    for delay, experience in zip((5, 12), stream.experiences, strict=True):
        train = experience.train
        context = train.x[:, 0, 2 * rings * SIZE :].argmax(axis=1)
        begin = 12 - delay
        match = np.array(
            [direction(train, begin, 2 * r) == direction(train, 12 + LENGTH, 2 * r + 1) for r in range(rings)]
        )
        told = match[context, np.arange(len(train))]
        assert (told == (train.y % 2 == 1)).all()
        assert match[(context + 1) % rings, np.arange(len(train))].mean() == pytest.approx(0.5, abs=0.1)
        stimulated = train.x[:, :, : 2 * rings * SIZE].any(axis=2)
        assert not stimulated[:, :begin].any()
        assert not stimulated[:, begin + LENGTH : 12 + LENGTH].any()
        assert not stimulated[:, -ANSWER:].any()


@pytest.mark.parametrize("rings", [2, 3, 5])
def test_which_rings_match_says_nothing_where_the_context_is_not_heeded(rings: int) -> None:
    samples, chance = 20000, np.random.default_rng(0)
    answer, context = np.arange(samples) % 2, chance.integers(0, rings, samples)
    same = matching(rings, context, answer, chance)
    assert (same[context, np.arange(samples)] == answer).all()
    patterns = 2 ** np.arange(rings) @ same
    yes, no = (np.bincount(patterns[answer == kind], minlength=2**rings) / (samples / 2) for kind in (1, 0))
    assert yes[0] == no[0] == yes[-1] == no[-1] == 0
    assert abs(yes - no).max() < 0.02
    assert np.count_nonzero(yes) == 2**rings - 2


def test_distractors_stand_between_the_two() -> None:
    stream = load("match-distractors", distractors=2, delays=(10, 20))
    for delay, experience in zip((10, 20), stream.experiences, strict=True):
        train, begin = experience.train, 20 - delay
        match = direction(train, begin) == direction(train, 20 + LENGTH)
        assert (match == (train.y % 2 == 1)).all()
        between = train.x[:, begin + LENGTH : 20 + LENGTH].any(axis=2)
        assert (between.sum(axis=1) == 6).all()
        assert not train.x[:, -ANSWER:].any()


def test_distractors_must_fit_the_delay() -> None:
    with pytest.raises(ValueError, match=r"stream\.match\.distractors = 2 take 6 time steps, .* is 5; give fewer"):
        load("match-distractors", delays=(5, 20))
