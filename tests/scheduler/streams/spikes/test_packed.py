from __future__ import annotations

import numpy as np
import pytest

from smalti.scheduler.streams.checked import limits
from smalti.scheduler.streams.spikes.packed import Packer, packed
from smalti.scheduler.streams.spikes.rendered import pieces

SPIKES = (np.random.default_rng(0).random((150, 7, 5)) < 0.3).astype(np.float32)


def test_spikes_come_back_as_they_were_put() -> None:
    packer = Packer("mine", 3, 7, 5, "")
    packer.put(0, np.array([6, 0, 6]), np.array([4, 1, 4]))
    packer.put(2, np.array([3]), np.array([0]))
    x = packer.spikes()
    expected = np.zeros((3, 7, 5), dtype=np.float32)
    expected[0, 6, 4] = expected[0, 0, 1] = expected[2, 3, 0] = 1
    np.testing.assert_array_equal(x[:], expected)
    assert (x.shape, x.dtype, x.spikes) == ((3, 7, 5), np.float32, True)


def test_parts_become_one_in_a_32nd_of_the_memory() -> None:
    x = packed("mine", 150, ((slice(k, k + 50), SPIKES[k : k + 50]) for k in (0, 50, 100)), "")
    np.testing.assert_array_equal(x[:], SPIKES)
    np.testing.assert_array_equal(x.select(np.array([149, 3]))[:], SPIKES[[149, 3]])
    np.testing.assert_array_equal(np.concatenate([part for _, part in pieces(x)]), SPIKES)
    assert Packer("mine", 100, 100, 700, "").bits.nbytes * 32 == 4 * 100 * 100 * 700


def test_what_memory_cannot_hold_is_refused_before_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "memory", lambda: 2000)
    with pytest.raises(ValueError, match=r"mine: 100 samples of 10 time steps and 10 channels take 1.3 KiB, .*; less"):
        Packer("mine", 100, 10, 10, "less")
