"""The folder of a comparison: its settings and its tables. Knows not what is compared.

DIR/comparison.toml  settings, complete, as resolved
DIR/environment.json versions, seed, threads, commit
DIR/TABLE.parquet    written when all is known, the last one being ``differences``: then the folder is finished
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from smalti.scheduler.config_io import differences, dump, load
from smalti.scheduler.records.atomic import write_bytes_atomic, write_text_atomic
from smalti.scheduler.records.environment import environment

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SETTINGS = "comparison.toml"
LAST = "differences"


@dataclass(frozen=True)
class ComparisonFolder:
    """A folder of a comparison that exists; made or found by ``open_comparison``."""

    path: Path

    @property
    def finished(self) -> bool:
        """Whether all tables are there."""
        return (self.path / f"{LAST}.parquet").exists()

    def read(self, table: str) -> pd.DataFrame:
        """A whole table."""
        return pd.read_parquet(self.path / f"{table}.parquet")

    def write(self, tables: dict[str, pd.DataFrame]) -> None:
        """Write or replace tables, each whole or not at all, ``differences`` last."""
        for name in sorted(tables, key=lambda name: name == LAST):
            sink = io.BytesIO()
            tables[name].to_parquet(sink, index=False)
            write_bytes_atomic(self.path / f"{name}.parquet", sink.getbuffer())


def open_comparison(path: Path, settings: DataclassInstance, *, seed: int, threads: int) -> ComparisonFolder:
    """Make the folder of a comparison, or find the one there, which may be unfinished or finished.

    Args:
        path: the folder; it must not exist, be empty, or be of the same settings.
        settings: all that the numbers depend on, as resolved.
        seed, threads: kept in ``environment.json``.

    Raises:
        ValueError: the folder holds something else, or a comparison with other settings.
    """
    file, advice = path / SETTINGS, "give another --out, or delete that folder"
    if file.exists():
        try:
            changed = differences(load(type(settings), file), settings)
        except ValueError as error:
            raise ValueError(f"{path} holds another comparison ({error}); {advice}") from error
        if changed:
            there = ", ".join(f"{name} = {value!r}" for name, value in changed.items())
            raise ValueError(f"{path} holds a comparison with other settings ({there}); {advice}")
        return ComparisonFolder(path)
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise ValueError(f"{path} is taken; {advice}")
    path.mkdir(parents=True, exist_ok=True)
    write_text_atomic(file, dump(settings))
    write_text_atomic(path / "environment.json", json.dumps(environment(seed, threads), indent=2) + "\n")
    return ComparisonFolder(path)
