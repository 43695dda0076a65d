"""Files that are there whole or not at all, whenever the process is killed. Knows not what is in them."""

from __future__ import annotations

import os
import platform
import re
import shutil
import uuid
from pathlib import Path

LONGEST = 80  # characters of a name that its scratch name keeps: file systems end at 255 bytes


def write_bytes_atomic(path: Path, data: bytes | memoryview) -> None:
    """Write or replace the file at ``path`` in one step; an error leaves the old file as it was.

    The bytes go to a ``scratch`` file beside it and reach the disk before that is renamed. Of several writers at once
    each writes a whole file, and the last one's stays.
    """
    temporary = scratch(path)
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


def scratch(path: Path) -> Path:
    """A hidden name beside ``path`` that no other process or thread takes; it says whose it is."""
    return path.with_name(f".{path.name[:LONGEST]}.{_host()}.{os.getpid()}.{uuid.uuid4().hex[:8]}.tmp")


def clear_scratch(folder: Path) -> None:
    """Remove the ``scratch`` files and folders in a folder whose processes, on this host, have ended."""
    ours = re.compile(rf"\..*\.{re.escape(_host())}\.(\d+)\.[0-9a-f]{{8}}\.tmp")
    for left in folder.glob(".*.tmp"):
        name = ours.fullmatch(left.name)
        if name is None or _lives(int(name[1])):
            continue
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk too: a rename done before survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", platform.node())[:LONGEST] or "host"


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
