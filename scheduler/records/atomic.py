"""Files that are there whole or not at all, whenever the process is killed. Knows not what is in them."""

from __future__ import annotations

import os
from pathlib import Path


def write_bytes_atomic(path: Path, data: bytes | memoryview) -> None:
    """Write or replace the file at ``path`` in one step; an error leaves the old file as it was.

    The bytes go to a file beside it, named ``.NAME.tmp``, and reach the disk before that is renamed. Only one
    process may write a file at a time. A killed one may leave its ``.NAME.tmp``; the next write replaces it.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None  # a full disk does not say by itself what was written
        raise


def write_text_atomic(path: Path, text: str) -> None:
    """Like ``write_bytes_atomic``, with text as UTF-8 and the line ends it has."""
    write_bytes_atomic(path, text.encode("utf-8"))


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk too: a rename done before survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
