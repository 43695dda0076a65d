from __future__ import annotations

from itertools import combinations

import pytest

from smalti.scheduler.randomness import Use, entropy, generator


def test_the_same_place_draws_the_same_numbers() -> None:
    assert generator(3, Use.PROBE, 5).random(4).tolist() == generator(3, Use.PROBE, 5).random(4).tolist()


def test_every_other_seed_use_or_key_draws_others() -> None:
    places = [(3, Use.PROBE, 5), (4, Use.PROBE, 5), (3, Use.AGENTS, 5), (3, Use.PROBE, 6), (3, Use.PROBE, 5, 1)]
    numbers = [generator(*place).random(4).tolist() for place in places]
    assert all(a != b for a, b in combinations(numbers, 2))
    assert len({entropy(*place) for place in places}) == len(places)


def test_no_two_uses_share_a_number() -> None:
    assert len({int(use) for use in Use}) == len(Use.__members__)


def test_negative_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        generator(0, Use.PROBE, -1)
