"""From rows to Arrow: checks them against the schema. Knows no files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from numbers import Integral, Real
from typing import Any

import numpy as np
import pyarrow as pa

from smalti.scheduler.records.columns import BOOL, FLOAT, INT32, INT64, INTS, TEXT, Column
from smalti.scheduler.records.schema import TABLES, arrow_schema

Rows = Sequence[Mapping[str, object]] | Mapping[str, Collection[Any]]
"""Rows of a table: one mapping a row, or one mapping of columns of equal length (lists or numpy arrays)."""

ACCEPTED: Mapping[pa.DataType, tuple[str, tuple[type, ...]]] = {
    INT32: ("an integer", (Integral,)),
    INT64: ("an integer", (Integral,)),
    FLOAT: ("a number", (Real,)),
    BOOL: ("a truth value", (bool, np.bool_)),
    TEXT: ("text", (str,)),
    INTS: ("a list of integers", (list, tuple)),
}


def to_arrow(table: str, rows: Rows) -> pa.Table:
    """Rows as an Arrow table with exactly the columns of the schema.

    Raises:
        ValueError: a column is missing, unknown, of the wrong type or length, or null where it must not be.
    """
    schema = arrow_schema(table)
    names = [column.name for column in TABLES[table]]
    every = set(names)
    if isinstance(rows, Mapping):
        _check_names(table, rows.keys(), names)
        columns: Mapping[str, Collection[Any]] = rows
    else:
        for row in rows:
            if row.keys() != every:
                _check_names(table, row.keys(), names)
        columns = {name: [row[name] for row in rows] for name in names}
    lengths = {len(columns[name]) for name in names}
    if len(lengths) > 1:
        raise ValueError(f"{table}: columns of unequal lengths {sorted(lengths)}; give one value a row")
    return pa.Table.from_arrays([_array(table, c, columns[c.name]) for c in TABLES[table]], schema=schema)


def _check_names(table: str, given: Collection[str], names: Sequence[str]) -> None:
    missing = [name for name in names if name not in given]
    unknown = [name for name in given if name not in names]
    if not missing and not unknown:
        return
    problems = [f"lacks {missing}"] * bool(missing) + [f"has unknown {unknown}"] * bool(unknown)
    raise ValueError(f"{table}: a row {' and '.join(problems)}; its columns are {', '.join(names)}")


def _array(table: str, column: Column, values: Collection[Any]) -> pa.Array:
    where = f"{table}.{column.name}"
    expected, types = ACCEPTED[column.dtype]
    kinds = {values.dtype.type} if isinstance(values, np.ndarray) else set(map(type, values))
    _check_types(where, expected, kinds, types, column.nullable)
    if column.dtype == INTS:
        _check_types(where, expected, set(map(type, chain.from_iterable(values))), (Integral,), False)
    try:
        return pa.array(values, type=column.dtype)
    except (pa.ArrowException, OverflowError, UnicodeError) as error:
        raise ValueError(f"{where}: {error}") from error


def _check_types(where: str, expected: str, kinds: set[type], types: tuple[type, ...], nullable: bool) -> None:
    for kind in kinds:
        if kind is type(None) and nullable:
            continue
        if not issubclass(kind, types) or (kind is bool and bool not in types):
            raise ValueError(f"{where} must be {expected}, not of type {kind.__name__}")
