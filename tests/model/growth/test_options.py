from __future__ import annotations

import math

import pytest

from model.growth import GROWTH_RULES
from model.growth.options import GrowthOptions


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
        ("ridge", 0.0),
    ],
)
def test_refuses_invalid_values_by_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"growth\.{field} = {value} must"):
        GrowthOptions(**{field: value})  # type: ignore[arg-type]
