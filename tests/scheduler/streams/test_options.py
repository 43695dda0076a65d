from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from smalti.scheduler.streams.options import StreamOptions


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("setting", "classes"),
        ("by", "gender"),
        ("classes_per_task", 1),
        ("base", 1),
        ("base", -2),
        ("shots", -1),
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
    with pytest.raises(ValueError, match=r"stream.base = 4 counts classes, which setting joint does not share out"):
        StreamOptions(base=4, setting="joint")
    with pytest.raises(ValueError, match=r"stream.by = speaker does not go with setting class"):
        StreamOptions(by="speaker")
    assert StreamOptions(by="speaker", setting="domain").by == "speaker"
    for setting in ("class", "task"):
        assert StreamOptions(transform="rotated", setting=setting).setting == setting  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"transform = permuted makes domains, and so does by = speaker"):
        StreamOptions(transform="permuted", setting="domain", by="speaker")
    with pytest.raises(ValueError, match=r"^stream.tasks = 1 must be 2 or more"):
        StreamOptions(transform="permuted", setting="domain", tasks=1)
    assert StreamOptions(transform="permuted", setting="joint", tasks=2).tasks == 2


def test_every_option_is_described() -> None:
    described = StreamOptions.__doc__ or ""
    for field in dataclasses.fields(StreamOptions):
        assert f"\n        {field.name}: " in described


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": (0, -1)}, r"stream\.order = \[0, -1\] holds a negative number"),
        ({"drift": 1.5, "boundaries": "hidden"}, r"stream\.drift = 1\.5 is a share of an experience"),
        ({"boundaries": "secret"}, r"stream\.boundaries = 'secret' is unknown; allowed: told, hidden"),
        ({"drift": 0.3}, r"stream\.drift = 0\.3 needs stream\.boundaries = hidden"),
    ],
)
def test_how_experiences_follow_each_other_is_checked(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StreamOptions(**changes)
