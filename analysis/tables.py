"""What measures want of a run: where it is, its configuration, its tables. ``analysis.runs`` opens such."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import pandas as pd


class RunTables(Protocol):
    """A run as its folder tells of it."""

    @property
    def path(self) -> Path:
        """The folder."""

    @property
    def config(self) -> dict[str, Any]:
        """The configuration as resolved, section -> field -> value."""

    @property
    def steps(self) -> int:
        """Time steps of a sample; 0 where the run does not say."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that there are; runs of older versions lack some."""

    def table(self, name: str) -> pd.DataFrame:
        """A whole table.

        Raises:
            ValueError: the run has no such table.
        """
