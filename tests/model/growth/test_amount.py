from __future__ import annotations

import pytest

from smalti.model.growth.amount import AMOUNTS
from smalti.model.growth.options import GrowthOptions


@pytest.mark.parametrize(
    ("amount", "options", "expected"),
    [
        ("fixed", {"births": 3}, 6),
        ("geometric", {}, 2),
        ("double", {}, 10),
        ("until_price", {}, 17),
    ],
)
def test_by_hand(amount: str, options: dict[str, float], expected: int) -> None:
    """Ten neurons, two classes, room for 17."""
    assert AMOUNTS[amount](10, 2, 17, GrowthOptions(amount=amount, **options)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(("share", "expected"), [(0.2, 2), (0.21, 3), (1.5, 15), (0.001, 1)])
def test_a_share_is_rounded_up(monkeypatch: pytest.MonkeyPatch, share: float, expected: int) -> None:
    monkeypatch.setattr("smalti.model.growth.amount.SHARE", share)
    assert AMOUNTS["geometric"](10, 2, 17, GrowthOptions()) == expected
