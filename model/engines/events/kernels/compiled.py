"""How kernels are compiled: what numba is spared, and where the result is kept. Knows no kernel."""

from __future__ import annotations

from typing import Any

import numba

# What numba takes long to compile: code that counts who holds an array (so kernels make none: all memory is given to
# them), entries for callers other than Python, indices that may count from the end (so kernels take ``item`` and
# ``put``), what it would say of slices that do not fit (so they write in loops), and what a network has no use for (so
# that is None where there is none: branches on an argument that is None are cut before anything else is done).
OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}
njit: Any = numba.njit  # its own types know but half of the options
UNKEPT: list[str] = []  # kernels for which numba finds no folder to keep them in


def kernel(function: Any) -> Any:
    """A function compiled at the first call and kept on disk, where there is a place; it lets other threads run."""
    try:
        return njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # neither beside the sources nor in the user's cache
        UNKEPT.append(function.__name__)
        return njit(**OPTIONS)(function)


def part(function: Any) -> Any:
    """A part of kernels that is compiled within each of them, which takes numba half the time of compiling it apart."""
    return njit(inline="always")(function)
