from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smalti.analysis.chip.matching import matched


def clusters(*groups: tuple[int, ...]) -> pd.Series:
    """Cluster 0 has the neurons of the first group, and so on."""
    return pd.Series({neuron: number for number, group in enumerate(groups) for neuron in group}, dtype=int)


def groups(found: pd.Series) -> dict[int, set[int]]:
    return {int(number): {*own.index.tolist()} for number, own in found.groupby(found)}


def test_the_same_clusters_get_the_same_numbers() -> None:
    """As they are called at the last moment, whatever they are called before; members come and go."""
    first, middle, last = clusters((7, 8, 9), (0, 1, 2)), clusters((0, 1), (7, 8, 9, 2)), clusters((0, 1, 2), (7, 8))
    found = matched({3: middle, 0: first, 9: last})
    assert list(found) == [0, 3, 9]
    assert groups(found[9]) == {0: {0, 1, 2}, 1: {7, 8}}
    assert groups(found[3]) == {0: {0, 1}, 1: {7, 8, 9, 2}}
    assert groups(found[0]) == {0: {0, 1, 2}, 1: {7, 8, 9}}


def test_all_pairs_together_share_most() -> None:
    """The best pair alone (0 with 0: 3 shared) would leave 1 with 1, which share none: 3 < 2 + 2."""
    later, earlier = clusters((0, 1, 2, 3, 4), (5, 6)), clusters((0, 1, 2, 5, 6), (3, 4))
    assert groups(matched({0: earlier, 1: later})[0]) == {1: {0, 1, 2, 5, 6}, 0: {3, 4}}


def test_what_is_new_or_too_many_gets_a_number_that_is_free_at_both_moments() -> None:
    later = clusters((0, 1), (2, 3))
    more = matched({0: clusters((0,), (1,), (2, 3), (8, 9)), 1: later})[0]
    assert groups(more) in ({0: {0}, 2: {1}, 1: {2, 3}, 3: {8, 9}}, {0: {1}, 2: {0}, 1: {2, 3}, 3: {8, 9}})
    others = matched({0: clusters((5, 6), (7, 8)), 1: later})[0]
    assert groups(others) == {2: {5, 6}, 3: {7, 8}}


def test_a_moment_without_clusters_is_passed_over() -> None:
    nobody = pd.Series([], index=pd.Index([], dtype=int), dtype=int)
    found = matched({0: clusters((2, 3), (0, 1)), 1: nobody, 2: clusters((0, 1), (2, 3))})
    assert groups(found[0]) == {1: {2, 3}, 0: {0, 1}}
    assert len(found[1]) == 0
    assert matched({}) == {}


@pytest.mark.parametrize("seed", range(5))
def test_nothing_changes_but_numbers_and_never_are_two_clusters_one(seed: int) -> None:
    chance = np.random.default_rng(seed)
    given = {
        moment: pd.Series(chance.integers(chance.integers(1, 6), size=12), chance.choice(30, 12, replace=False))
        for moment in range(6)
    }
    found = matched(given)
    for moment, own in given.items():
        assert own.index.equals(found[moment].index)
        assert len({*zip(own, found[moment], strict=True)}) == own.nunique() == found[moment].nunique()
    pd.testing.assert_series_equal(found[5], given[5])
