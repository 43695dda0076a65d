from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from smalti.analysis.measures import switches

ROWS = [  # after, on, split, believed, expert, trials, found, kept
    (0, 0, "test", 1, 0, 9, True, 1.0),
    (1, 0, "test", 1, 0, 2, True, 1.0),
    (1, 1, "test", 0, 1, 30, False, 1.0),
    (1, 2, "test", 0, 2, -1, False, 0.0),
    (1, 2, "test", 1, 2, 4, True, 0.5),
    (1, 0, "validation", 1, 0, 1, True, 1.0),
]


def run(tables: type, rows: list[tuple[object, ...]], gating: dict[str, object]) -> Any:
    names = ["after", "on", "split", "believed", "expert", "trials", "found", "kept"]
    return tables({"gating": gating}, {"switches": pd.DataFrame(rows, columns=names)})


def test_shares_and_medians_by_hand(tables: type) -> None:
    made = run(tables, ROWS, {"belief": {}})
    assert switches.measures(made, "test") == {"found_within": 0.5, "trials_to_find": pytest.approx((4 + 30) / 2)}
    assert switches.measures(made, "validation") == {"found_within": 1.0, "trials_to_find": 1.0}


def test_what_is_never_found_is_far(tables: type) -> None:
    made = run(tables, [ROWS[3]] * 3 + ROWS[1:3], {"belief": {}})
    assert switches.measures(made, "test")["trials_to_find"] == float("inf")


def test_without_blocks_there_is_nothing(tables: type) -> None:
    assert switches.measures(run(tables, [], {"belief": {}}), "test") == {}
    assert switches.measures(run(tables, ROWS, {}), "test") == {}


def test_pairs_of_experts_have_the_most_of_their_tasks(tables: type) -> None:
    again = [(1, 3, "test", 1, 2, 7, True, 1.0), (1, 4, "test", 0, 1, 12, True, 1.0)]
    made = switches.pairs(run(tables, [*ROWS, *again], {"belief": {}}))
    assert (made.index.tolist(), made.columns.tolist()) == ([0, 1], [0, 1, 2])
    assert made.loc[1].tolist()[::2] == [2, 7]
    assert made.loc[0].tolist()[1:] == [30, float("inf")]
    assert made.isna().sum().sum() == 2
    assert switches.pairs(run(tables, [], {"belief": {}})).empty
    assert switches.pairs(run(tables, ROWS, {})).empty
