from __future__ import annotations

import pytest
import torch

from smalti.scheduler.processor import computing, flushes


def fail() -> None:
    """A round that breaks."""
    with computing(1):
        assert torch.get_num_threads() == 1
        assert flushes()
        raise RuntimeError


@pytest.mark.parametrize("flushed", [False, True])
def test_everything_is_as_before_afterwards_also_after_an_error(flushed: bool) -> None:
    torch.set_num_threads(2)
    torch.set_flush_denormal(flushed)
    try:
        with pytest.raises(RuntimeError):
            fail()
        assert torch.get_num_threads() == 2
        assert flushes() == flushed
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(1)
