from __future__ import annotations

from collections import Counter

import pytest

from smalti.agents.auction.placement import PLACEMENTS, Site
from smalti.model.chip.fabric import Fabric, FabricOptions

# Tiles 0 1 2 over 3 4 5; the outputs are in tile 4.
SITE = Site(
    Fabric(FabricOptions(rows=2, cols=3)),
    4,
    {0: [1, 2, 3], 1: [20], 2: [33, 34], 3: [50, 51], 4: [], 5: [80, 81, 82, 83]},
    Counter({0: 2, 1: 2, 4: 5}),
)


@pytest.mark.parametrize(
    ("name", "ranks"),
    [
        ("auction", [2.0, 2.0, 2.0, 2.0, 2.0, 2.0]),
        ("value", [5.0, 5.0, 5.0, 5.0, 5.0, 5.0]),
        ("uniform", [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        ("balanced", [-2.0, -2.0, 0.0, 0.0, -5.0, 0.0]),
        ("nearest", [-2.0, -1.0, -2.0, -1.0, 0.0, -1.0]),
        ("fullest", [-3.0, -1.0, -2.0, -2.0, 0.0, -4.0]),
    ],
)
def test_ranks_by_hand(name: str, ranks: list[float]) -> None:
    assert [PLACEMENTS[name](tile, 5.0, 3.0, SITE) for tile in range(6)] == ranks


def test_these_are_all_of_them() -> None:
    assert list(PLACEMENTS) == ["auction", "value", "uniform", "balanced", "nearest", "fullest"]
