"""A folder of a name that is still free, which no other process takes meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path


@contextmanager
def reserved(folder: Path, name: str) -> Iterator[Path]:
    """Make the first of NAME-001, NAME-002, ... that is not in a folder; after an error nothing empty is left."""
    fresh = not folder.exists()
    path = _taken(folder, name)
    try:
        yield path
    except BaseException:
        for left in [path, *([folder] if fresh else [])]:
            with suppress(OSError):  # it holds something, or is gone
                left.rmdir()
        raise


def _taken(folder: Path, name: str) -> Path:
    for number in count(1):
        path = folder / f"{name}-{number:03d}"
        with suppress(FileExistsError):  # making a folder is what only one process can do
            path.mkdir(parents=True)
            return path
    raise AssertionError
