from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from smalti.analysis.findings import room
from smalti.analysis.findings.finding import Finding

WHY = "tiles that hear inputs have room for 10 of 32 north neurons: R1 (1, 4) side W out is full"
COLUMNS = ["task", "name", "step", "score", "taken", "refused", "bought"]


def told(finding: Finding | None) -> str:
    assert finding is not None
    return f"{finding.title} | {finding.detail}"


def openings(*rows: tuple[int, str, str, float, bool, str, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)


def full(task: int, score: float, why: str = WHY, way: str = "combination", bought: int = 0) -> list[Any]:
    """What there is of a task that is refused neurons, and served otherwise."""
    return [
        (task, f"view {task}", "both", float("nan"), False, why, 0),
        (task, f"view {task}", way, score, True, "", bought),
    ]


LEVELS: dict[str, Any] = {"growth": {"levels": {"relay": 16}}, "run": {"quick": True}}


def test_a_reason_is_told_once_with_its_tasks() -> None:
    rows = openings(*full(3, 0.2), *full(4, 0.25), *full(5, 0.3))
    line = told(room.refused(rows, LEVELS))
    assert line.startswith("3 tasks found no room for parts of their own | tasks 3 to 5: tiles that hear inputs")
    assert line.count("R1 (1, 4) side W out is full") == 1
    assert (
        "served by a combination of old parts (20.0% to 30.0% on validation data). More room: fabric.wires. A" in line
    )
    assert line.endswith("needs more room than one without run.quick.")


def test_ways_and_purchases_are_counted() -> None:
    rows = openings(*full(1, 0.5, way="readout", bought=3), *full(4, 0.5, way="readout"), *full(7, float("nan")))
    line = told(room.refused(rows))
    assert line.startswith("3 tasks found no room for a seed expert | tasks 1, 4, 7: ")
    assert (
        "; served 2 by a read-out of its own in the place of 3 neurons bought back (50.0% on validation data), 1 by a "
        "combination of old parts. More room: fabric.wires."
    ) in line
    assert "run.quick" not in line


@pytest.mark.parametrize(
    ("why", "cure"),
    [
        ("R0 (0, 4) side E in is full", "fabric.corner_wires"),
        ("R1 (1, 4) side W out is full", "fabric.wires"),
        ("neuron tile (0, 1) side W out is full", "fabric.wires"),
        ("tile (0, 1) is full", "fabric.neurons_per_tile"),
        ("tiles that hear inputs have room for 2 of 32 north neurons: they are full", "fabric.neurons_per_tile"),
    ],
)
def test_the_cure_is_that_of_what_is_full(why: str, cure: str) -> None:
    assert told(room.refused(openings(*full(2, 0.5, why)))).endswith(f"More room: {cure}.")


def test_one_task_has_its_name_and_several_reasons_their_cures() -> None:
    line = told(room.refused(openings(*full(2, 0.5, "tile (0, 1) is full"), *full(3, 0.6), *full(4, 0.6))))
    assert "| task 2 (view 2): tile (0, 1) is full; served by a combination of old parts (50.0% on" in line
    assert "; tasks 3 to 4: tiles that hear" in line
    assert line.endswith("More room: fabric.wires, fabric.neurons_per_tile.")


def test_where_nobody_was_refused_there_is_nothing_to_tell() -> None:
    rows = openings((0, "a", "seed", float("nan"), True, "", 0))
    assert room.refused(rows) is None
    assert room.refused(rows.drop(columns="refused")) is None
