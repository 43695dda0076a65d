from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smalti.model.rewiring.options import RewiringOptions
from smalti.model.rewiring.rewire import rewire


def budget(place: Any) -> Counter[tuple[int, int]]:
    """(tile of the source, hops) -> links."""
    links, fabric = place.network.links, place.network.fabric
    routed = [key for key in links.rows if links.kind(*key) == "routed"]
    return Counter((fabric.tile_of_slot(key[0]), links.paths[key].hops) for key in routed)


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), share=st.floats(0.05, 1), guard=st.integers(0, 100))
def test_on_any_chip(chip: Callable[..., Any], seed: int, share: float, guard: int) -> None:
    """As many links as before at every distance; new devices at zero; who is protected keeps every device."""
    place = chip(seed)
    scope, links, slots = place.scope, place.network.links, place.network.fabric.slots
    before, rows, size = place.devices(), set(links.rows), budget(place)
    changes = rewire(scope, RewiringOptions(rewired=share, guard=guard), np.random.default_rng(seed))
    place.check()
    after = place.devices()
    assert budget(place) == size
    ended, laid = rows - set(links.rows), set(links.rows) - rows
    assert len(ended) == len(laid) == changes.rewired
    gone, new = before.keys() - after.keys(), after.keys() - before.keys()
    assert {(source, target // slots) for source, target in gone} == ended
    assert {(source, target // slots) for source, target in new} == laid
    assert all(after[key] == before[key] for key in before.keys() & after.keys())
    for source, target in gone:
        _, frozen, _, _, count = before[source, target]
        assert not frozen
        assert scope.members[target]
        assert count >= guard
    assert all(after[key] == (0, 0, 0, 0, 0) for key in new)
    members = torch.nonzero(scope.members).flatten().tolist()
    assert new == {(source, m) for source, tile in laid for m in members if m // slots == tile}
    assert all(scope.hears[source] for source, _ in laid)
    for target in {t for s, t in before if s != t}:
        into = {key: abs(value[0]) for key, value in before.items() if key[1] == target != key[0]}
        assert max(into, key=lambda key: into[key]) in after


def test_the_weakest_go_first(chip: Callable[..., Any]) -> None:
    moved = 0
    for seed in range(20):
        place = chip(seed)
        links, slots = place.network.links, place.network.fabric.slots
        before = place.devices()
        strength: dict[tuple[int, int], float] = {}
        for (source, target), (weight, *_) in before.items():
            key = source, target // slots
            strength[key] = strength.get(key, 0) + abs(weight)
        rows = set(links.rows)
        some, every = (RewiringOptions(rewired=share, guard=0) for share in (0.15, 1.0))
        rewire(place.scope, some, np.random.default_rng(1))
        few = rows - set(links.rows)
        place = chip(seed)
        rewire(place.scope, every, np.random.default_rng(1))
        able = rows - set(place.network.links.rows)
        stronger = sorted(strength[key] for key in able)
        moved += len(few)
        assert len(few) <= len(able)
        assert all(strength[key] <= stronger[-1] for key in few)
        if few:
            assert np.median([strength[key] for key in few]) <= np.median(stronger)
    assert moved > 20


def test_it_is_reproduced_by_its_random_numbers(chip: Callable[..., Any]) -> None:
    options = RewiringOptions(rewired=1.0, guard=0)
    ends = []
    for seed in (5, 5, 6):
        place = chip(4)
        rewire(place.scope, options, np.random.default_rng(seed))
        ends.append(sorted(place.network.links.rows))
    assert ends[0] == ends[1] != ends[2]


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_engines_see_it(chip: Callable[..., Any], plain: Any, engine: str) -> None:
    changed = 0
    for seed in range(8):
        place = chip(seed, engine, 0.8, 2.0)
        before, _ = place.answer()
        rewire(place.scope, RewiringOptions(guard=0, rewired=1.0), np.random.default_rng(0))
        after, _ = place.answer()
        assert torch.allclose(after, plain.membranes(place), atol=1e-9)
        changed += not torch.equal(before, after)
    assert changed > 3
