"""How a process computes while a round is played: threads of torch, tiny numbers as zero. Nothing stays changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

DENORMAL = 1e-310


@contextmanager
def computing(threads: int) -> Iterator[None]:
    """So many threads, and denormal numbers flushed to zero, which are slow; afterwards as it was before."""
    before, flushed = torch.get_num_threads(), flushes()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed)
        torch.set_num_threads(before)


def flushes() -> bool:
    """Whether denormal numbers count as zero now."""
    return float(torch.tensor([DENORMAL], dtype=torch.float64) * 1) == 0
