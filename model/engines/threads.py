"""Work shared between threads: for kernels that let go of the interpreter while they compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import torch

Item = TypeVar("Item")


def in_threads(work: Callable[[Item], None], items: Sequence[Item], threads: int | None) -> None:
    """Do the work for every item.

    Args:
        work: what to do; it must not matter who does it, nor when.
        items: for whom.
        threads: most threads, the caller's own among them; None for as many as torch has.
    """
    count = max(1, min(threads or torch.get_num_threads(), len(items)))

    def take(first: int) -> None:
        for item in items[first::count]:
            work(item)

    waiting = [_pool(count - 1).submit(take, first) for first in range(1, count)]
    try:
        take(0)
    finally:
        for one in waiting:
            one.result()


@lru_cache(maxsize=8)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="smalti")
