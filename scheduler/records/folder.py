"""The folder of a run: its tables, its configuration and its environment; what writes the tables is ``records.writer``.

    RUN/config.toml            complete, as resolved
    RUN/births.json            births of another run that this one follows, if it does
    RUN/faults.json            what of the chip is dead, or will be, as a file for ``faults.map``, if anything is
    RUN/data.npz               the data, if it was given in memory
    RUN/environment.json       versions, seed, threads, commit
    RUN/tables/TABLE/*.parquet one table; pandas.read_parquet("RUN/tables/TABLE") reads it at any time
    RUN/report.html            the report, once the run has ended (``run.report``)
    RUN/snapshots/*/           the run as it was after earlier rounds (``run.snapshots``), each a folder like this one
    RUN/checkpoint/            what a killed run goes on from: state.safetensors, which refers to piece-*.bin beside it
                               (``scheduler.records.checkpoint``)
    RUN/.lock                  held by the process that writes

All but ``neurons`` and ``links`` grow by parts of many rounds, ``part-00064.parquet`` for those from round 64 on. Each
also has a ``part-initial.parquet`` without rows, from the first moment and for good, so that the folder can be read
while there is no row. ``neurons`` and ``links`` have one part, ``part-00000.parquet``, without rows at first and then
replaced. Every file appears by a rename, so whoever reads finds it whole.
"""

from __future__ import annotations

import fcntl
import json
import operator
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smalti.scheduler.records.atomic import clear_scratch, scratch, write_bytes_atomic, write_text_atomic
from smalti.scheduler.records.environment import environment
from smalti.scheduler.records.schema import APPENDED, SCHEMA_VERSION, TABLES, arrow_schema

if TYPE_CHECKING:
    import pandas as pd

INITIAL = "part-initial.parquet"
ONLY = "part-00000.parquet"


@dataclass(frozen=True)
class RunFolder:
    """A run folder that exists; made by ``create_run``, found by ``open_run``."""

    path: Path

    @property
    def checkpoint(self) -> Path:
        """The file that ``scheduler.records.checkpoint`` saves to."""
        return self.path / "checkpoint" / "state.safetensors"

    @property
    def config(self) -> Path:
        """The configuration, TOML."""
        return self.path / "config.toml"

    @property
    def environment(self) -> Path:
        """What it runs on, JSON."""
        return self.path / "environment.json"

    def folder(self, table: str) -> Path:
        """The folder of a table."""
        return self.path / "tables" / table

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for writing; the lock ends with the process at the latest.

        Raises:
            ValueError: another process holds it.
        """
        with open(self.path / ".lock", "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(
                    f"{self.path} is in use by another smalti process; wait for it or give another folder"
                ) from None
            yield

    def read(self, table: str) -> pd.DataFrame:
        """The whole table, its parts in the order of their rounds."""
        return cast("pd.DataFrame", self._read(table).to_pandas())

    def rounds_done(self) -> int:
        """Rounds that have been written."""
        return sum(pq.read_metadata(part).num_rows for part in self._parts("rounds"))

    def rounds_in(self, table: str) -> set[int]:
        """Rounds that have rows in a table with a column ``round``."""
        parts = [str(part) for part in self._parts(table)]
        return set(pq.read_table(parts, columns=["round"])["round"].unique().to_pylist()) if parts else set()

    def read_rows(self, table: str) -> list[dict[str, object]]:
        """The whole table as plain Python values, None for null; what ``rewrite`` takes."""
        return cast("list[dict[str, object]]", self._read(table).to_pylist())

    def read_round(self, table: str, round: int) -> pa.Table:
        """The rows of one round of a table that grows; only the part that holds them is read.

        Raises:
            ValueError: no part begins so early.
        """
        parts = [part for part in self._parts(table) if round_of(part) <= round]
        if not parts:
            raise ValueError(f"{self.folder(table)} has no part with round {round}")
        rows = pq.ParquetFile(parts[-1]).read()
        return rows.filter(pc.equal(rows["round"], round))

    def _read(self, table: str) -> pa.Table:
        schema, parts = arrow_schema(table), self._parts(table)
        if not parts:
            return schema.empty_table()
        return pq.read_table([str(part) for part in parts], schema=schema, partitioning=None)

    def _parts(self, table: str) -> list[Path]:
        """Parts with rows, in the order of their rounds."""
        parts = [p for p in self.folder(table).glob("part-*.parquet") if p.name != INITIAL]
        return sorted(parts, key=round_of)


def create_run(
    path: Path | str,
    *,
    config: str,
    seed: int,
    threads: int,
    files: Mapping[str, str | bytes] = MappingProxyType({}),
    facts: Mapping[str, object] = MappingProxyType({}),
) -> RunFolder:
    """Make the folder of a new run, whole or not at all, with every table in it and no rows.

    Args:
        path: the folder; it must not exist, or be empty.
        config: content of ``config.toml``.
        seed, threads: of the run; kept in ``environment.json`` with versions and commit.
        files: name -> content of further files that the run cannot do without.
        facts: what else ``environment.json`` is to say.

    Raises:
        ValueError: ``path`` is taken, or its name cannot be printed.
    """
    path = Path(path).absolute()
    if not path.name.isprintable():
        raise ValueError(f"{path.name!r} has characters that cannot be printed; give the folder another name")
    taken = f"{path} is taken; give another folder, delete that one, or resume it if it is a run"
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise ValueError(taken)
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_scratch(path.parent)
    building = scratch(path)
    try:
        (building / "checkpoint").mkdir(parents=True)
        for table in TABLES:
            write_initial(RunFolder(building), table)
        facts_of_run = {**environment(seed, threads), **facts}
        write_text_atomic(building / "environment.json", json.dumps(facts_of_run, indent=2) + "\n")
        for name, content in {**files, "config.toml": config}.items():
            write_bytes_atomic(building / name, content.encode() if isinstance(content, str) else content)
        os.rename(building, path)
    except BaseException as error:
        shutil.rmtree(building, ignore_errors=True)
        if isinstance(error, OSError) and path.exists():
            raise ValueError(taken) from error
        raise
    return RunFolder(path)


def open_run(path: Path | str) -> RunFolder:
    """The run folder at ``path``.

    Raises:
        ValueError: it is none, it is damaged, or a newer version of smalti wrote it.
    """
    path = Path(path)
    missing = [name for name in ("config.toml", "environment.json") if not (path / name).is_file()]
    if missing:
        raise ValueError(f"{path} is no run folder: it lacks {' and '.join(missing)}; give the folder of a run")
    file = path / "environment.json"
    try:
        version = operator.index(json.loads(file.read_bytes())["schema_version"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{file} is damaged: no schema_version can be read from it ({error})") from error
    if version > SCHEMA_VERSION:
        raise ValueError(
            f"{path} was written with schema {version}, this smalti knows {SCHEMA_VERSION} at most; update it"
        )
    return RunFolder(path)


def round_of(part: Path | str) -> int:
    """The first round of a part, by its name."""
    return int(Path(part).stem.removeprefix("part-"))


def write_initial(folder: RunFolder, table: str) -> None:
    """Make the part without rows that a table has from the first moment, unless it is there as it should be."""
    file = folder.folder(table) / (INITIAL if table in APPENDED else ONLY)
    sink = pa.BufferOutputStream()
    pq.write_table(arrow_schema(table).empty_table(), sink)
    data = memoryview(sink.getvalue())
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.is_file() or file.read_bytes() != data:
        write_bytes_atomic(file, data)
