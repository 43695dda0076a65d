"""A run made of tables by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest


class Tables:
    """What analysis wants of a run: ``config``, ``path``, ``table``."""

    def __init__(self, config: dict[str, Any], tables: dict[str, pd.DataFrame]) -> None:
        self.path, self.config, self._tables = Path("run"), config, tables

    def table(self, name: str) -> pd.DataFrame:
        return self._tables[name]


@pytest.fixture(scope="session")
def tables() -> type[Tables]:
    """``tables(config, {"rounds": ...})``."""
    return Tables
