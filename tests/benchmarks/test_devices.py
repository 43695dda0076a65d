from __future__ import annotations

import pytest

pytest.importorskip("numba")

from benchmarks.devices import KINDS, Devices, measure, training
from benchmarks.engines.workload import Workload, problem


def test_every_kind_is_timed_on_the_same_chip() -> None:
    devices, turns = measure(256, Devices(repeats=1, steps=4, rate=0.05))
    assert devices > 10_000
    assert list(turns) == list(KINDS)
    assert all(len(seconds) == 1 and seconds[0] > 0 for seconds in turns.values())


def test_a_step_trains_what_is_not_frozen() -> None:
    of = problem(Workload(neurons=256, rate=0.05, steps=4, threads=1))
    of.network.state.frozen[0] = of.network.state.mask[0]
    before = of.network.state.weight.detach().clone()
    training(of, {"kind": "mosaic"})()
    assert (of.network.state.weight.detach() == before).all()  # on a copy
