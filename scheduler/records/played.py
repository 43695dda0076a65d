"""The tables of the rounds that a simulation has played, kept in memory. Knows no files."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

import mesa
import pyarrow as pa

from smalti.scheduler.records.arrow import Rows, to_arrow
from smalti.scheduler.records.schema import APPENDED, REWRITTEN, TABLES, arrow_schema

if TYPE_CHECKING:
    import pandas as pd

    from smalti.scheduler.records.registry import NeuronRegistry
    from smalti.scheduler.records.rows import RoundRows


def _latest(name: str, model: Any) -> object:
    """A column of the round played last."""
    return model.rows.rounds[0][name]


class Played:
    """What the rounds added to the tables that grow; those that are rewritten are in the registry."""

    def __init__(self) -> None:
        self.parts: dict[str, list[pa.Table]] = {name: [arrow_schema(name).empty_table()] for name in APPENDED}

    def add(self, rows: RoundRows) -> None:
        """Add what a round has given."""
        for name, parts in self.parts.items():
            given: Rows = getattr(rows, name)
            if given:
                parts.append(to_arrow(name, given))

    def table(self, name: str, registry: NeuronRegistry) -> pd.DataFrame:
        """One table, as ``analysis.runs.Run.table`` gives it.

        Raises:
            ValueError: there is no such table.
        """
        return cast("pd.DataFrame", self._arrow(name, registry).to_pandas())

    def collector(self, registry: NeuronRegistry) -> mesa.DataCollector:
        """A view of Mesa's kind: the columns of ``rounds`` are the model's variables, all tables are its tables."""
        view = mesa.DataCollector()
        view.model_vars = self._columns("rounds", registry)
        view.model_reporters = {name: partial(_latest, name) for name in view.model_vars}
        view.tables = {name: self._columns(name, registry) for name in TABLES}
        return view

    def _columns(self, name: str, registry: NeuronRegistry) -> dict[str, list[Any]]:
        return cast("dict[str, list[Any]]", self._arrow(name, registry).to_pydict())

    def _arrow(self, name: str, registry: NeuronRegistry) -> pa.Table:
        if name in REWRITTEN:
            return to_arrow(name, getattr(registry, name))
        if name not in self.parts:
            raise ValueError(f"there is no table {name!r}; the tables are {', '.join(TABLES)}")
        return pa.concat_tables(self.parts[name])
