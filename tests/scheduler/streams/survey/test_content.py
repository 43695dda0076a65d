from __future__ import annotations

import numpy as np
import pytest

from smalti.scheduler.streams import StreamOptions, load_stream, memory

Y = np.arange(60) % 4
X = np.clip(np.random.default_rng(0).random((60, 8)) * 0.4 + 0.5 * np.eye(4)[Y].repeat(2, 1), 0, 1)


def warnings(x: np.ndarray, y: np.ndarray = Y) -> list[str]:
    stream = load_stream(StreamOptions(name="arrays", setting="joint"), 64, memory.arrays(x, y))
    return [note for note in stream.notes if note.startswith("warning: ")]


def test_data_that_tell_something_are_not_warned_of() -> None:
    assert warnings(X) == []
    assert warnings(X[:, None].repeat(12, 1)) == []


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.zeros((60, 8)), "all inputs are 0: nothing ever fires"),
        (np.ones((60, 8)), "all inputs are 1: every channel fires alike"),
        (np.full((60, 3, 8), 0.25), "all inputs are 0.25: every channel fires alike"),
        (np.tile(X[0], (60, 1)), "all samples are the same"),
        (np.tile(X[:12, :6], (60, 1, 1)), "all samples are the same"),
    ],
)
def test_inputs_that_carry_nothing_are_warned_of(x: np.ndarray, said: str) -> None:
    (note,) = warnings(x)
    assert said in note


def test_classes_with_the_same_mean_are_named() -> None:
    x = X.copy()
    x[Y == 3] = x[Y == 1]
    (note,) = warnings(x, np.array(["cat", "dog", "eel", "fox"])[Y])
    assert note.startswith("warning: classes dog, fox have the same mean input")


def test_what_counts_is_what_the_chip_is_given() -> None:
    data = memory.arrays(np.clip(X, 0.6, 1), Y)
    stream = load_stream(StreamOptions(name="arrays", setting="joint", gain=2), 64, data)
    assert "all inputs are 1" in stream.notes[-1]
