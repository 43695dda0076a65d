"""Tasks without columns of the gate are counted once, and only as long as there are any."""

from __future__ import annotations

import pandas as pd

from smalti.analysis.findings.gate_columns import fewer_centres, without_columns


def openings(*refused: tuple[int, str]) -> pd.DataFrame:
    return pd.DataFrame([{"task": task, "name": f"n{task}", "step": "gate", "refused": why} for task, why in refused])


def test_a_task_that_returns_counts_once() -> None:
    found = without_columns(openings((0, ""), (1, "full"), (0, "full"), (1, "fuller")))
    assert found is not None
    assert found.title == "2 tasks found no columns for the gating network"
    assert "task 1 (n1): fuller" in found.detail
    assert found.detail.count("task 1") == 1


def test_who_has_got_columns_in_the_end_is_no_finding() -> None:
    assert without_columns(openings((0, "full"), (1, ""))) is None


def test_centres_that_found_no_room_are_told() -> None:
    rows = openings((0, ""), (1, ""))
    found = fewer_centres(rows.assign(centres=[500, 42]), 500)
    assert found is not None
    assert (found.weight, found.title) == ("note", "Of 500 centres a class, some class of the gating network keeps 42")
    assert fewer_centres(rows.assign(centres=[42, 500]), 500) is None
    assert fewer_centres(rows.assign(centres=0), 500) is None  # none has columns: another finding
    assert fewer_centres(rows, 500) is None  # a run of an older version
    assert fewer_centres(rows.assign(step="seed", centres=0), 500) is None
