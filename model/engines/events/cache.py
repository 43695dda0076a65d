"""Compiled kernels: says when they are compiled, and deletes stale ones.

Numba's cache looks at a kernel's own file alone, not at those it imports.
"""

from __future__ import annotations

import hashlib
import logging
import os
from functools import lru_cache
from pathlib import Path

import numba
from numba.core.event import Event, Listener, register

from smalti.model.engines.compiling import COMPILING
from smalti.model.engines.events.kernels.compiled import UNKEPT

ONCE = "once after installation, for some seconds"
UNKEPT_HINT = (
    "for some seconds, in every process, for neither its folder nor the user's cache can be written to; set "
    "NUMBA_CACHE_DIR to a folder that can, or take --network.engine dense"
)
HERE = Path(__file__).resolve().parent


class Announcer(Listener):
    """Says once that kernels are being compiled, and takes the time; those in numba's cache are not compiled."""

    said = False

    def on_start(self, event: Event) -> None:
        """Numba begins to compile something."""
        COMPILING.begin()
        if not self.said and event.data["dispatcher"].py_func.__module__.startswith("smalti.model.engines.events."):
            self.said = True
            logging.getLogger("smalti").warning(
                f"compiling the event-driven engine: {UNKEPT_HINT if UNKEPT else ONCE} ..."
            )

    def on_end(self, event: Event) -> None:
        """Numba has compiled something."""
        COMPILING.end()


@lru_cache(maxsize=1)
def prepare_kernels() -> None:
    """To be called before the first kernel of a process runs; afterwards it does nothing."""
    drop_stale_kernels()
    register("numba:compile", Announcer())


def drop_stale_kernels(folder: Path = HERE) -> None:
    """Delete compiled kernels, unless they were made from the sources of today.

    Args:
        folder: of the sources, those below it included; numba keeps what it compiles in a ``__pycache__`` beside each.
    """
    cache = folder / "__pycache__"
    stamp, now = cache / "kernels.stamp", _fingerprint(folder)
    try:
        if stamp.exists() and stamp.read_text(encoding="utf-8") == now:
            return
        for compiled in folder.rglob("*.nb[ic]"):
            compiled.unlink(missing_ok=True)
        cache.mkdir(exist_ok=True)
        fresh = stamp.with_suffix(f".{os.getpid()}")
        fresh.write_text(now, encoding="utf-8")
        fresh.replace(stamp)
    except OSError:  # a folder that cannot be written to holds no cache of ours: numba then keeps it elsewhere
        return


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(folder.rglob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()
