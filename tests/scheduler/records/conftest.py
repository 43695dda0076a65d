from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smalti.scheduler.records.columns import BOOL, FLOAT, INTS, TEXT, Column
from smalti.scheduler.records.folder import RunFolder, create_run
from smalti.scheduler.records.schema import TABLES


def sample(column: Column, number: int) -> Any:
    if column.nullable:
        return None if number % 2 else number
    made = {FLOAT: number + 0.1, TEXT: f"é{number}", BOOL: number % 2 == 0, INTS: list(range(number % 3))}
    return made.get(column.dtype, number)


@pytest.fixture
def rows() -> Callable[..., list[dict[str, Any]]]:
    """``rows(table, *numbers)``: a row for each number, with that number in it."""

    def make(table: str, *numbers: int) -> list[dict[str, Any]]:
        return [{column.name: sample(column, n) for column in TABLES[table]} for n in numbers]

    return make


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run folder without a round."""
    return create_run(tmp_path / "run", config="[run]\nseed = 7\n", seed=7, threads=1)
