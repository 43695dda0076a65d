"""What a column of a table is, and how Arrow is told. Knows no table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

INT32, INT64, FLOAT, TEXT, BOOL, INTS = (
    pa.int32(),
    pa.int64(),
    pa.float64(),
    pa.string(),
    pa.bool_(),
    pa.list_(pa.int32()),
)


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    dtype: pa.DataType
    unit: str  # "number" counts or numbers things, "name" is one of the words in the meaning
    meaning: str
    nullable: bool = False


def schema_of(columns: Sequence[Column]) -> pa.Schema:
    """The Arrow schema of a table with these columns; fields carry ``unit`` and ``meaning`` as metadata.

    Nullable integers carry pandas' own metadata too, so that ``pandas.read_parquet`` gives ``Int32`` with
    ``<NA>`` and not floats.
    """
    fields = [pa.field(c.name, c.dtype, c.nullable, metadata={"unit": c.unit, "meaning": c.meaning}) for c in columns]
    as_int32 = {"pandas_type": "int32", "numpy_type": "Int32", "metadata": None}
    nullable = [{**as_int32, "name": c.name, "field_name": c.name} for c in columns if c.nullable]
    pandas = {"index_columns": [], "column_indexes": [], "columns": nullable}
    return pa.schema(fields, metadata={"pandas": json.dumps(pandas)} if nullable else None)
