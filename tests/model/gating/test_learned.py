from __future__ import annotations

import math

import pytest

from smalti.model.gating.learned import LearnedGateOptions


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden", -1),
        ("steps", 0),
        ("rehearsal", -1),
        ("learning_rate", 0.0),
        ("margin", math.inf),
        ("balance", "even"),
    ],
)
def test_refuses_invalid_values_by_name(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"gating\.learned\.{field} = {value!r}"):
        LearnedGateOptions(**{field: value})  # type: ignore[arg-type]
