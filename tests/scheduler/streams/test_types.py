from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from smalti.scheduler.streams.types import Loaded, Samples, StreamOptions


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


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("setting", "classes"),
        ("by", "gender"),
        ("classes_per_task", 1),
        ("steps", -1),
        ("gain", 0.0),
        ("gain", float("nan")),
        ("gain", float("inf")),
        ("validation", 0.0),
        ("validation", 1.0),
        ("test", -0.1),
        ("test", float("nan")),
        ("split_seed", -1),
        ("limit", -1),
        ("limit", 2),
        ("pool", -2),
        ("transform", "mirrored"),
        ("tasks", 3),  # without a transform
    ],
)
def test_options_name_the_field_and_the_value_they_refuse(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^stream\.{field} = {value!r}".replace("+", r"\+")):
        StreamOptions(**{field: value})  # type: ignore[arg-type]


def test_options_refuse_pairs_that_do_not_go_together() -> None:
    with pytest.raises(ValueError, match=r"validation \+ test"):
        StreamOptions(validation=0.5, test=0.5)
    with pytest.raises(ValueError, match=r"stream.by = speaker does not go with setting class"):
        StreamOptions(by="speaker")
    assert StreamOptions(by="speaker", setting="domain").by == "speaker"
    for setting in ("class", "task"):
        with pytest.raises(ValueError, match=rf"transform = rotated makes .* setting {setting} does not have; set"):
            StreamOptions(transform="rotated", setting=setting)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"transform = permuted makes domains, and so does by = speaker"):
        StreamOptions(transform="permuted", setting="domain", by="speaker")
    with pytest.raises(ValueError, match=r"^stream.tasks = 1 must be 2 or more"):
        StreamOptions(transform="permuted", setting="domain", tasks=1)
    assert StreamOptions(transform="permuted", setting="joint", tasks=2).tasks == 2


def test_every_option_is_described() -> None:
    described = StreamOptions.__doc__ or ""
    for field in dataclasses.fields(StreamOptions):
        assert f"\n        {field.name}: " in described


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": (0, -1)}, r"stream\.order = \[0, -1\] holds a negative number"),
        ({"drift": 1.5, "boundaries": "hidden"}, r"stream\.drift = 1\.5 is a share of an experience"),
        ({"boundaries": "secret"}, r"stream\.boundaries = 'secret' is unknown; give told or hidden"),
        ({"drift": 0.3}, r"stream\.drift = 0\.3 needs stream\.boundaries = hidden"),
    ],
)
def test_how_experiences_follow_each_other_is_checked(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StreamOptions(**changes)
