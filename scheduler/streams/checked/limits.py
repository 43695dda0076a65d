"""How much a file may become in memory, and what is said of one that cannot be read. Knows no format.

Sizes that a file declares are checked before anything of that size is read: a small file may claim terabytes.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SMALL = 2**27  # bytes (128 MiB) that any file may become
EXPANSION = 100  # times its own size that a larger one may: sparse spikes shrink to a fiftieth, bombs to a thousandth
ZIPPED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # read in small pieces; other methods grow without bounds


def allowance(*paths: str | Path) -> int:
    """Bytes that the content of files may take together.

    128 MiB or 100 times their size, at most half of the memory that this machine has.
    """
    size = sum(Path(path).stat().st_size for path in paths)
    return min(max(SMALL, EXPANSION * size), memory() // 2)


def memory() -> int:
    """Bytes of memory that this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def check_size(what: str, size: int, allowed: int) -> None:
    """Whether so many bytes may be read.

    Raises:
        ValueError: there are too many; begins with ``what``.
    """
    if size > allowed:
        raise ValueError(
            f"{what} would take {spell_bytes(size)}, and {spell_bytes(max(allowed, 0))} are allowed (128 MiB or "
            f"{EXPANSION} times the size of the file, at most half of this machine's memory); give fewer samples, or "
            "write the file without compression"
        )


def spell_bytes(size: int) -> str:
    """Such as 3.6 TiB, or 12 bytes."""
    if size >= 2**70:
        return "more than a million PiB"
    for power, unit in ((5, "PiB"), (4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size >= 2 ** (10 * power):
            return f"{size // 2 ** (10 * power - 7) / 128:,.1f} {unit}"
    return f"{size} bytes"


@contextmanager
def reading(what: str, cure: str) -> Iterator[None]:
    """Whatever a damaged file makes the libraries that read it raise, as an error that names it.

    They may raise nearly anything: RuntimeError where a zip is encrypted, ZeroDivisionError for a recording without
    channels, RecursionError for brackets in brackets.

    Raises:
        ValueError: ``what`` cannot be read, why, and the cure.
    """
    try:
        yield
    except Exception as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{what} cannot be read ({shown(why, 200)}); {cure}") from error


def shown(text: str, most: int = 60) -> str:
    """Text of a file for a message: its beginning, without what a terminal would obey."""
    plain = text if text.isprintable() else repr(text)[1:-1]
    return plain if len(plain) <= most else f"{plain[:most]}..."
