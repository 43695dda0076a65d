from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score

from smalti.analysis.measures.information import entropy, shared_information


def test_labellings_that_are_renamed_say_all() -> None:
    assert shared_information([0, 0, 1, 2], [5, 5, 3, 9]) == pytest.approx(1.0)


def test_independent_labellings_say_nothing() -> None:
    assert shared_information([0, 0, 1, 1], [0, 1, 0, 1]) == pytest.approx(0.0)
    assert shared_information([7, 7, 7], [0, 1, 2]) == 0.0
    assert shared_information([7, 7], [1, 1]) == 1.0


def test_it_is_what_another_library_says() -> None:
    chance = np.random.default_rng(0)
    for _ in range(5):
        one = chance.integers(5, size=200)
        other = np.where(chance.random(200) < 0.5, one // 2, chance.integers(4, size=200))
        assert shared_information(one, other) == pytest.approx(normalized_mutual_info_score(one, other))


def test_entropy_of_a_coin() -> None:
    assert entropy(np.array([0.5, 0.5, 0.0])) == pytest.approx(np.log(2))
