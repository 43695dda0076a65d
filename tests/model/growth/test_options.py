from __future__ import annotations

import math
from typing import get_args

import pytest

from smalti.model.growth.amount import AMOUNTS
from smalti.model.growth.options import GrowthOptions, Reach
from smalti.model.growth.rules import GROWTH_RULES
from smalti.model.growth.timing import TIMINGS


def test_defaults_are_valid_and_name_a_rule() -> None:
    assert GrowthOptions().rule in GROWTH_RULES
    assert {"random", "gradmax_whitened"} < set(GROWTH_RULES)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed_width", 0),
        ("births", 0),
        ("candidates", 0),
        ("probe", 7),
        ("max_neurons", -1),
        ("new_taps", -1),
        ("retire_after", -1),
        ("enough_loss", -0.1),
        ("target_rate", 0.0),
        ("target_rate", 1.1),
        ("target_rate", math.nan),
        ("until", 0.0),
        ("every", 0),
        ("patience", 0),
        ("tolerance", 1.0),
        ("tolerance", -0.1),
        ("dimension_share", math.nan),
        ("fisher_share", 0.0),
    ],
)
def test_refuses_invalid_values_by_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"growth\.{field} = {value} must"):
        GrowthOptions(**{field: value})  # type: ignore[arg-type]


def test_widths_of_seeds_are_told_by_task() -> None:
    assert [GrowthOptions(seed_width=3).width_for(task) for task in (0, 7)] == [3, 3]
    assert [GrowthOptions(seed_width=3, seed_widths=(5, 6)).width_for(task) for task in (0, 1)] == [5, 6]
    with pytest.raises(ValueError, match=r"growth\.seed_widths = \[5, 0\] must name a width of at least 1"):
        GrowthOptions(seed_widths=(5, 0))


@pytest.mark.parametrize("field", ["reach", "birth_record_at"])
def test_refuses_what_is_no_choice_and_lists_them(field: str) -> None:
    with pytest.raises(
        ValueError, match=rf"growth\.{field} = 'wishful' is unknown; allowed: {getattr(GrowthOptions(), field)}"
    ):
        GrowthOptions(**{field: "wishful"})  # type: ignore[arg-type]


def test_every_name_is_explained() -> None:
    text = str(GrowthOptions.__doc__)
    lines = {name: text[text.index(f"        {name}:") :] for name in ("when", "amount", "reach")}
    assert all(name in lines["when"] for name in TIMINGS)
    assert all(name in lines["amount"] for name in AMOUNTS)
    assert all(name in lines["reach"] for name in get_args(Reach))
