"""Signals and features in tables: CSV and Parquet, a column of labels beside columns of numbers.

With `id` the rows of one value there, in their order, are a series; with `window` the rows are one long recording, cut
into sliding windows; with neither every row is a sample of features.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.file_options import SignalsOptions
from smalti.scheduler.streams.readers.signals import windows
from smalti.scheduler.streams.readers.signals.windows import Windows
from smalti.scheduler.streams.types import Floats

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".parquet")


def read(path: Path, own: SignalsOptions) -> Windows:
    """The windows of a table.

    Raises:
        ValueError: naming the file, the column and the row that is unfit.
    """
    table = _table(path)
    given = [str(name) for name in table.columns]
    if len(given) == 1 and (mark := next((mark for mark in ";\t|" if mark in given[0]), "")):
        raise ValueError(f"{path} is separated by {mark!r}; write it with commas, and numbers with a point")
    for name in (own.label, own.id, *own.channels):
        if name and name not in given:
            raise ValueError(
                f"{path}: there is no column {name!r} (there are {limits.shown(', '.join(given), 100)}); set "
                "stream.signals.label, id or channels"
            )
    if len(set(given)) < len(given):
        raise ValueError(f"{path}: two columns have the same name; rename one")
    if not len(table):
        raise ValueError(f"{path}: there are no rows; give samples")
    if table[own.label].isna().any():
        row = int(np.flatnonzero(table[own.label].isna())[0])
        raise ValueError(f"{path}: row {row + 1} has no {own.label}; leave it out")
    names = own.channels or tuple(name for name in given if name not in (own.label, own.id))
    for name in names:
        if table[name].dtype.kind not in "biuf":
            raise ValueError(
                f"{path}: column {name!r} {_odd(table[name])}; give numbers, or name the columns to take in "
                "stream.signals.channels"
            )
    if not names:
        raise ValueError(f"{path}: there is no column beside {own.label}; give numbers")
    values = table[list(names)].to_numpy(dtype=np.float64)
    windows.check_finite(str(path), names, values)
    x, labels = values.astype(np.float32), table[own.label].astype(str).to_numpy(dtype=np.str_)
    if own.id:
        return _series(path, x, labels, table[own.id].astype(str).to_numpy(dtype=np.str_), names)
    if not own.window:
        return Windows(x[:, None], labels, names)
    if own.window > len(x):
        raise ValueError(f"{path}: {len(x)} rows are fewer than a window of {own.window}; set stream.signals.window")
    stride = own.stride or own.window
    limits.check_size(str(path), 4 * (len(x) // stride + 1) * own.window * len(names), limits.memory() // 4)
    return Windows(*windows.sliding(x, labels, own.window, stride), names)


def _odd(column: pd.Series) -> str:
    """What is wrong with a column that does not hold numbers."""
    import pandas as pd

    words = np.flatnonzero(pd.to_numeric(column, errors="coerce").isna() & column.notna())
    return f"has {column.iloc[words[0]]!r} in row {words[0] + 1}" if len(words) else f"is of type {column.dtype}"


def _series(path: Path, x: Floats, labels: np.ndarray, ids: np.ndarray, names: tuple[str, ...]) -> Windows:
    kinds, first, codes = np.unique(ids, return_index=True, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    groups = np.split(order, np.searchsorted(codes[order], np.arange(1, len(kinds))))
    groups = [groups[k] for k in np.argsort(first)]  # in the order in which they come
    for name, rows in zip(kinds[np.argsort(first)], groups, strict=True):
        if len(set(labels[rows].tolist())) > 1:
            raise ValueError(f"{path}: the rows of {str(name)!r} have several labels; give one a series")
    whole, short = windows.stacked(str(path), [x[rows] for rows in groups])
    notes = (f"{short} series that are shorter are held at their last value",) if short else ()
    return Windows(whole, labels[[rows[0] for rows in groups]], names, notes=notes)


def _table(path: Path) -> pd.DataFrame:
    limits.check_size(str(path), 8 * path.stat().st_size, limits.memory() // 2)
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet

        with limits.reading(str(path), "write it again, with pandas.DataFrame.to_parquet"):
            parquet = pyarrow.parquet.ParquetFile(path)
            groups = (parquet.metadata.row_group(k) for k in range(parquet.metadata.num_row_groups))
            size = sum(group.total_byte_size for group in groups)
        limits.check_size(str(path), size, limits.allowance(path))
        with limits.reading(str(path), "write it again, with pandas.DataFrame.to_parquet"):
            table: pd.DataFrame = parquet.read().to_pandas(ignore_metadata=True)
            return table
    import pandas as pd  # not above: it takes half a second, and help need not wait for it

    with limits.reading(str(path), "give a table in UTF-8 with a first line of names, separated by commas"):
        return pd.read_csv(path, low_memory=False)
