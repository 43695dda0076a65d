from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from smalti.scheduler.streams.types import Loaded, Samples


def loaded(**changes: Any) -> Loaded:
    fields: dict[str, Any] = {
        "origin": "mine",
        "x": np.full((6, 1, 4), 0.5, dtype=np.float32),
        "y": np.array([0, 1, 0, 1, 0, 1]),
        "class_names": ("a", "b"),
        "steps": 25,
    }
    return Loaded(**(fields | changes))


def test_select_takes_rows_in_the_given_order() -> None:
    samples = Samples(np.arange(6).reshape(3, 2, 1).astype(np.float32), np.array([0, 1, 1]), np.array([10, 20, 30]))
    some = samples.select(np.array([2, 0]))
    assert len(samples) == 3
    assert len(some) == 2
    assert some.index.tolist() == [30, 10]
    assert some.y.tolist() == [1, 0]
    np.testing.assert_array_equal(some.x[:, :, 0], [[4, 5], [0, 1]])
    assert samples.select(np.array([False, True, False])).index.tolist() == [20]


def test_loaded_accepts_sound_data() -> None:
    assert loaded(domain=np.array([0, 0, 1, 1, 0, 1]), domain_names=("p", "q"), image=(2, 2)).steps == 25


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": np.zeros((6, 4), dtype=np.float32)}, "x has shape"),
        ({"x": np.zeros((6, 0, 4), dtype=np.float32)}, "x has shape"),
        ({"x": np.full((6, 1, 4), np.nan, dtype=np.float32)}, "x contains NaN"),
        ({"x": np.full((6, 1, 4), np.inf, dtype=np.float32)}, "x contains NaN or infinite"),
        ({"x": np.full((6, 1, 4), 16, dtype=np.float32)}, "x lies in 16..16.*divide by its range"),
        ({"x": np.full((6, 1, 4), -0.1, dtype=np.float32)}, "x lies in -0.1"),
        ({"y": np.zeros(5, dtype=np.int64)}, "y has shape"),
        ({"y": np.zeros(6, dtype=np.int64)}, "y holds a single class"),
        ({"y": np.array([0, 1, 0, 1, 0, -1])}, "y contains -1"),
        ({"y": np.array([0, 1, 0, 3, 0, 1])}, "no sample of class 2 but one of class 3"),
        ({"class_names": ("a",)}, "1 class names for 2 classes"),
        ({"steps": 0}, "steps = 0"),
        ({"image": (2, 3)}, "image"),
        ({"domain": np.zeros(5, dtype=np.int64), "domain_names": ("p",)}, "domain has shape"),
        ({"domain": np.zeros(6, dtype=np.int64), "domain_names": ("p", "q")}, "one name each"),
        ({"part": np.array(["train"] * 5)}, "part has shape"),
        ({"part": np.array(["train"] * 5 + ["tset"])}, "part contains 'tset'"),
    ],
)
def test_loaded_refuses_unfit_data(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^mine: .*{message}"):
        loaded(**changes)
