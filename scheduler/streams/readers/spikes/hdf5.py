"""Opens HDF5 files and checks what lies in them, by the package h5py. Knows no layout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.readers.spikes import heap

SIGNATURE = b"\x89HDF\r\n\x1a\n"
INSTALL = "pip install 'smalti[shd]' (the package h5py)"
AGAIN = "download or write it again"
PACKED = {b"\x1f\x8b": "gunzip", b"PK": "unzip"}


@contextmanager
def opened(path: Path, how: str) -> Iterator[Any]:
    """An open file.

    Args:
        path: the file.
        how: what such a file should be, for messages.

    Raises:
        ValueError: h5py is missing, or the file is another or damaged.
    """
    try:
        import h5py
    except ImportError as error:
        raise ValueError(f"{path}: HDF5 files are read by a package that is missing: {INSTALL}") from error
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file; give {how}")
    with limits.reading(str(path), "give a file that may be read"), path.open("rb") as file:
        begin = file.read(len(SIGNATURE))
    for magic, command in PACKED.items():
        if begin.startswith(magic):
            raise ValueError(f"{path}: the file is compressed; unpack it first ({command} {path.name})")
    if begin != SIGNATURE:
        raise ValueError(f"{path}: this is no HDF5 file; give {how}")
    with limits.reading(str(path), AGAIN):
        file = h5py.File(path, "r")
    with file:
        yield file


def holds(file: Any, name: str) -> bool:
    """Whether there is something of a name.

    Raises:
        ValueError: the file is damaged there.
    """
    with limits.reading(f"{file.filename}: {name}", AGAIN):
        return name in file


def dataset(file: Any, name: str, how: str) -> Any:
    """A dataset with one axis.

    Raises:
        ValueError: there is none of that name, or it is of another shape.
    """
    with limits.reading(f"{file.filename}: {name}", AGAIN):
        found = file.get(name)
        shape, kind = getattr(found, "shape", None), getattr(found, "dtype", None)
        held = ", ".join(limits.shown(str(key), 30) for key in list(file)[:10])
    if shape is None or kind is None:
        raise ValueError(
            f"{file.filename}: there is no dataset {name} (the file holds {held or 'nothing'}); give {how}"
        )
    if len(shape) != 1:
        raise ValueError(f"{file.filename}: {name} has shape {shape}; give one entry a sample")
    return found


def values(file: Any, name: str, how: str, most: int) -> Any:
    """The content of a small dataset: numbers or strings, at most ``most`` of them.

    Raises:
        ValueError: it is missing, of another shape, too long or of another type.
    """
    import h5py

    found = dataset(file, name, how)
    if len(found) > most:
        raise ValueError(f"{file.filename}: {name} has {len(found):,} entries, more than {most:,}; {how}")
    text = h5py.check_string_dtype(found.dtype)
    if found.dtype.kind not in "biufS" and text is None:
        raise ValueError(f"{file.filename}: {name} has type {found.dtype}; give numbers or strings")
    if text is not None and text.length is None:
        check_lists(file, found, 1)
    with limits.reading(f"{file.filename}: {name}", AGAIN):
        return found[:] if text is None or text.length is not None else found.asstr()[:].astype(str)


def check_lists(file: Any, lists: Any, size: int) -> None:
    """Whether all lists of a dataset, of values of so many bytes, are there.

    Raises:
        ValueError: the file is damaged.
    """
    path = Path(file.filename)
    with limits.reading(f"{path}: its lists", AGAIN):
        heap.check(path, lists, size, heap.objects(path))
