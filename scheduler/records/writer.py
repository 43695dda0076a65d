"""Writes the tables of a run, round by round, and knows what has been written. Knows no simulation.

Tables that grow do so at the end of their last part, which is replaced by a longer one; a part is closed once it spans
``ROUNDS`` rounds or has ``ROWS`` rows, so that tables of long runs stay few files. What has been written is kept with
every checkpoint: for each part its rows and the CRC-32 of its file. A part written after the last checkpoint says in
its own metadata which file it replaced; so whoever goes on with a run can tell the round in hand, which is dropped,
from damage, which is refused.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from smalti.scheduler.records.arrow import Rows, to_arrow
from smalti.scheduler.records.atomic import write_bytes_atomic
from smalti.scheduler.records.folder import INITIAL, ONLY, RunFolder, round_of, write_initial
from smalti.scheduler.records.schema import APPENDED, REWRITTEN, TABLES

ROUNDS = 64  # most rounds of a part
ROWS = 20_000  # a part with as many rows is closed
REPLACES = b"smalti.replaces"  # metadata of a part: CRC-32 of the file that it replaced

Written = dict[str, dict[str, list[int]]]  # table -> part -> rows and CRC-32 of its file


class TableWriter:
    """Writes the tables of a run folder that this process holds.

    Args:
        folder: the run.
        written: what its last checkpoint says was written; nothing for a run that begins.
    """

    def __init__(self, folder: RunFolder, written: Written | None = None) -> None:
        self.folder = folder
        self.written: Written = {table: dict((written or {}).get(table, {})) for table in TABLES}
        self._open: dict[str, tuple[str, pa.Table]] = {}  # the last part of each table that grows
        for table in APPENDED:
            if self.written[table]:
                name = max(self.written[table], key=round_of)
                rows = self.written[table][name][0]
                self._open[table] = name, pq.read_table(folder.folder(table) / name, partitioning=None).slice(0, rows)

    def append(self, table: str, round: int, rows: Rows) -> None:
        """Add the rows of a round; no rows, no change.

        Args:
            table: one of ``APPENDED``.
            round: the round, 0 or more, later than all before.
            rows: one mapping a row, or one mapping of columns.

        Raises:
            ValueError: rows that do not fit the schema, naming the column; or a table that is rewritten.
        """
        if table not in APPENDED:
            raise ValueError(f"{table!r} is no table that grows by parts; those are {', '.join(APPENDED)}")
        if round < 0:
            raise ValueError(f"{table}: round {round} is negative; rounds are counted from 0")
        arrow = to_arrow(table, rows)
        if arrow.num_rows == 0:
            return
        name, before = self._open.get(table, ("", None))
        if before is None or round - round_of(name) >= ROUNDS or before.num_rows >= ROWS:
            name = f"part-{round:05d}.parquet"
        else:
            arrow = pa.concat_tables([before, arrow])
        self._write(table, name, arrow)
        self._open[table] = name, arrow

    def rewrite(self, table: str, rows: Rows) -> None:
        """Replace the rows of a table of a single part (one of ``REWRITTEN``).

        Raises:
            ValueError: rows that do not fit the schema, naming the column; or a table that grows.
        """
        if table not in REWRITTEN:
            raise ValueError(f"{table!r} is no table that is rewritten; those are {', '.join(REWRITTEN)}")
        self._write(table, ONLY, to_arrow(table, rows))

    def _write(self, table: str, name: str, rows: pa.Table) -> None:
        before = self.written[table].get(name)
        note = {REPLACES: str(before[1]).encode()} if before else {}
        sink = pa.BufferOutputStream()
        noted = rows.replace_schema_metadata({**(rows.schema.metadata or {}), **note})
        pq.write_table(noted, sink, write_page_checksum=True)
        data = memoryview(sink.getvalue())
        write_bytes_atomic(self.folder.folder(table) / name, data)
        self.written[table][name] = [rows.num_rows, zlib.crc32(data)]


def check_written(folder: RunFolder, written: Mapping[str, Any], round: int) -> None:
    """Whether a folder holds what its checkpoint says was written, and nothing else but the round in hand.

    Args:
        folder: the run; nothing in it changes.
        written: ``TableWriter.written`` as the checkpoint keeps it.
        round: the round that comes next, of which some tables may have been written.

    Raises:
        ValueError: a part is missing, was changed or damaged, or is none of this run's, with its file.
    """
    for table in TABLES:
        place, known = folder.folder(table), written[table]
        for name, (rows, checksum) in known.items():
            _check_part(place / name, rows, checksum)
        in_hand = f"part-{round:05d}.parquet" if table in APPENDED else ONLY
        for file in sorted(place.iterdir()) if place.is_dir() else []:
            if file.name not in {*known, INITIAL, in_hand} and not file.name.startswith("."):
                raise ValueError(
                    f"{file} was not written by this run, and would be read as a part of its table; move it away"
                )


def drop_in_hand(folder: RunFolder, written: Mapping[str, Any] | None) -> None:
    """Remove parts that a checkpoint knows nothing of, and temporary files that a killed process left.

    Parts without rows, which every table has, are made again where they are gone or were changed.
    Later rows in the parts that it knows are cut when the next round is written. ``written`` is None where there is no
    checkpoint; ``neurons`` and ``links`` stay as they are then and are rewritten in the first round.
    """
    for left in folder.path.rglob(".*.tmp"):
        left.unlink()
    for table in APPENDED:
        known = (written or {}).get(table, {})
        for file in folder.folder(table).glob("part-*.parquet"):
            if file.name not in {*known, INITIAL}:
                file.unlink()
        write_initial(folder, table)


def _check_part(file: Path, rows: int, checksum: int) -> None:
    mend = "restore it from a copy, or start a new run"
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{file} is missing, of which the run had written {rows} rows; {mend}") from None
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror}); {mend}") from error
    if zlib.crc32(data) == checksum:
        return
    try:
        with pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True) as later:
            replaces = (later.schema_arrow.metadata or {}).get(REPLACES)
            intact = replaces == str(checksum).encode() and later.read().num_rows >= 0
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ValueError(f"{file} is damaged ({error}); {mend}") from error
    if not intact:
        raise ValueError(f"{file} was changed since the run wrote it: its checksum is another; {mend}")
