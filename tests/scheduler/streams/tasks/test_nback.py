from __future__ import annotations

import numpy as np
import pytest

from smalti.scheduler.streams import load_stream
from smalti.scheduler.streams.made_options import NBackOptions
from smalti.scheduler.streams.options import StreamOptions
from smalti.scheduler.streams.tasks.nback import EACH, GROUP, SHOWN


@pytest.mark.parametrize("back", [1, 3])
def test_targets_say_whether_the_symbol_is_that_of_some_symbols_ago(back: int) -> None:
    options = StreamOptions(name="nback", nback=NBackOptions(back=(back,), symbols=5, samples=80))
    (task,) = load_stream(options, 64).experiences
    x, targets, weights = task.train.x[:], task.train.targets, task.train.weights
    assert targets is not None
    assert weights is not None
    assert x.shape == (80, 60, 5 * GROUP)
    symbol = x[:, ::EACH, ::GROUP].argmax(axis=2)
    for step in range(60):
        place, within = divmod(step, EACH)
        assert (x[:, step].any(axis=1) == (within < SHOWN)).all()
        if place < back or within == 0:
            assert not weights[:, step].any()
            continue
        match = symbol[:, place] == symbol[:, place - back]
        assert (weights[:, step] == 1).all()
        np.testing.assert_array_equal(targets[:, step], np.stack([~match, match], axis=1))
    asked = targets[weights > 0]
    assert asked[:, 1].mean() == pytest.approx(0.5, abs=0.06)


def test_steps_that_do_not_fill_a_symbol_are_silent_and_not_asked() -> None:
    task = load_stream(StreamOptions(name="nback", steps=58), 64).experiences[0]
    assert task.train.weights is not None
    assert not task.train.weights[:, 55:].any()
    assert not task.train.x[:][:, 55:].any()


def test_too_few_steps_are_refused() -> None:
    with pytest.raises(ValueError, match=r"stream\.steps = 19 is too short for 3 back; give 20 or more"):
        load_stream(StreamOptions(name="nback", steps=19), 64)
