"""Opens the folder of a run. Knows its layout, not what is in its tables."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run folder; tables are read when asked for, so those of a run that goes on are up to date.

    With ``kept`` a table that has been read stays in memory: for finished runs, of which many numbers are wanted.
    """

    path: Path
    config: dict[str, Any]  # config.toml as resolved, section -> field -> value
    environment: dict[str, Any]  # versions, seed, commit
    kept: dict[str, pd.DataFrame] | None = None  # tables read so far; None keeps none

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that have been written so far."""
        folders = (self.path / "tables").iterdir() if (self.path / "tables").is_dir() else ()
        return tuple(sorted(f.name for f in folders if any(f.glob("*.parquet"))))

    def table(self, name: str) -> pd.DataFrame:
        """A whole table, all its parts in order.

        Raises:
            ValueError: the run has no such table (yet).
        """
        if self.kept is not None and name in self.kept:
            return self.kept[name]
        if name not in self.tables:
            raise ValueError(f"{self.path} has no table {name!r}; it has {list(self.tables)}")
        table = pd.read_parquet(self.path / "tables" / name)
        if self.kept is not None:
            self.kept[name] = table
        return table


def load_run(path: Path | str, keep: bool = False) -> Run:
    """Open the run folder at ``path``; ``keep`` keeps its tables in memory once they have been read.

    Raises:
        ValueError: there is no such folder, it is not that of a run, or a file in it is damaged.
    """
    path = Path(path)
    if not path.is_dir():
        raise ValueError(f"{path} is no folder; give the folder of a run")
    missing = [name for name in ("config.toml", "environment.json") if not (path / name).is_file()]
    if missing:
        raise ValueError(f"{path} is no run folder: it lacks {' and '.join(missing)}")
    config, environment = path / "config.toml", path / "environment.json"
    try:
        resolved = tomllib.loads(config.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{config} is damaged: {error}") from error
    try:
        facts = json.loads(environment.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{environment} is damaged: {error}") from error
    if not isinstance(facts, dict):
        raise ValueError(f"{environment} is damaged: it holds no object of names and values")
    return Run(path=path, config=resolved, environment=facts, kept={} if keep else None)
