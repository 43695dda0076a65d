"""Tables as CSV and JSON, each whole or not at all."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from smalti.scheduler.records.atomic import write_text_atomic
from smalti.scheduler.records.folder import RunFolder
from smalti.scheduler.records.schema import TABLES


class Csv:
    """Every table as RUN/logs/csv/TABLE.csv, once the run ends; lists with blanks between."""

    ending = "csv"

    def __init__(self, folder: RunFolder, place: Path) -> None:
        self.folder, self.place = folder, place / self.ending

    def add(self, number: int, values: Mapping[str, float]) -> None:
        """Nothing: tables are written at the end."""

    def end(self) -> None:
        """Write all tables."""
        self.place.mkdir(parents=True, exist_ok=True)
        for name in TABLES:
            write_text_atomic(self.place / f"{name}.{self.ending}", self.text(name))

    def text(self, name: str) -> str:
        """A table."""
        table = self.folder.read(name)
        for column in [c.name for c in TABLES[name] if str(c.dtype).startswith("list")]:
            table[column] = [" ".join(map(str, cells)) for cells in table[column]]
        return str(table.to_csv(index=False))


class Json(Csv):
    """Every table as RUN/logs/json/TABLE.json, a list of rows, once the run ends; what is no number is null."""

    ending = "json"

    def text(self, name: str) -> str:
        """A table."""
        rows = [{key: _plain(value) for key, value in row.items()} for row in self.folder.read_rows(name)]
        return json.dumps(rows, indent=1) + "\n"


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
