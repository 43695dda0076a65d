"""Tasks without columns of the gate are counted once, and only as long as there are any."""

from __future__ import annotations

import pandas as pd

from smalti.analysis.findings.gate_columns import without_columns


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
