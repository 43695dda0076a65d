"""Keeps numba's cache of compiled kernels honest: numba looks at a kernel's own file alone, not at those it imports."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

import numba

HERE = Path(__file__).resolve().parent
SOURCES = ("events_*.py", "optimiser_kernels.py")


@lru_cache(maxsize=1)
def drop_stale_kernels(folder: Path = HERE) -> None:
    """Delete compiled kernels, unless they were made from the sources of today; once in a process.

    Args:
        folder: of the sources; numba keeps what it compiles in its ``__pycache__``.
    """
    cache = folder / "__pycache__"
    stamp, now = cache / "kernels.stamp", _fingerprint(folder)
    try:
        if stamp.exists() and stamp.read_text(encoding="utf-8") == now:
            return
        for compiled in cache.glob("*.nb[ic]"):
            compiled.unlink(missing_ok=True)
        cache.mkdir(exist_ok=True)
        fresh = stamp.with_suffix(f".{os.getpid()}")
        fresh.write_text(now, encoding="utf-8")
        fresh.replace(stamp)
    except OSError:  # a folder that cannot be written to holds no cache of ours: numba then keeps it elsewhere
        return


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(path for pattern in SOURCES for path in folder.glob(pattern)):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()
