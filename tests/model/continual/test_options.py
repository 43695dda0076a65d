from __future__ import annotations

import math

import pytest

from smalti.model.continual import METHODS, ContinualOptions


def test_every_method_is_an_option() -> None:
    assert [ContinualOptions(method=name).method for name in METHODS] == [
        "none", "ewc", "ewc_online", "si", "lwf", "hlop", "replay", "gdumb",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("ewc_strength", -1.0, "must be a number, 0 or more"),
        ("si_strength", math.nan, "must be a number, 0 or more"),
        ("lwf_strength", math.inf, "must be a number, 0 or more"),
        ("lwf_temperature", -2.0, "must be a positive number"),
        ("ewc_decay", 1.5, "must lie above 0 and at most at 1"),
        ("ewc_samples", 0, "must be at least 1"),
        ("hlop_share", 0.0, "must lie above 0 and at most at 1"),
        ("hlop_samples", 0, "must be at least 1"),
        ("capacity", 0, "must be at least 1"),
        ("sampler", "ring", "is unknown; allowed: balanced, reservoir"),
    ],
)
def test_impossible_options_are_refused_by_name(field: str, value: object, why: str) -> None:
    with pytest.raises(ValueError, match=rf"training\.continual\.{field} = {value!r} {why}"):
        ContinualOptions(**{field: value})  # type: ignore[arg-type]
