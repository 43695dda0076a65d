from __future__ import annotations

import math

import pytest

from smalti.model.gating import GatingOptions
from smalti.model.gating.networks import GATING


def test_defaults_are_valid_and_name_a_network() -> None:
    options = GatingOptions()
    assert options.network in GATING
    assert GATING[options.network](options, 8).assignment.experts == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("windows", -1),
        ("rank", 0),
        ("shrink_within", 1.1),
        ("shrink_within", -0.1),
        ("shrink_within", math.nan),
        ("temperature", 0.0),
        ("temperature", math.inf),
        ("temperature", math.nan),
        ("top", -1),
        ("listen", -1),
        ("running", -1),
        ("experts", "each"),
        ("stiffness", 0.0),
        ("stiffness", math.nan),
    ],
)
def test_refuses_invalid_values_by_name(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"gating\.{field} = {value!r}"):
        GatingOptions(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(("field", "value"), [("listen", 3), ("windows", 2), ("adapt", 50)])
def test_what_is_for_a_gate_that_decides_once_does_not_go_with_one_that_runs_along(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=rf"gating\.{field} = {value} is for .* gating\.running = 8 asks it at every"):
        GatingOptions(running=8, **{field: value})  # type: ignore[arg-type]
    assert GatingOptions(running=8, windows=1).windows == 1
