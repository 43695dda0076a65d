from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

pytest.importorskip("numba")

from benchmarks.engines import roofline
from benchmarks.engines.roofline import Machine, Work, count, last_cache, machine
from benchmarks.engines.workload import Problem, Workload, problem
from smalti.model.engines import dense


@pytest.fixture(scope="module")
def small() -> Problem:
    return problem(Workload(256, 0.05, steps=20, batch=5, inputs=40, threads=1))


def by_hand(of: Problem) -> Work:
    """From the spikes and membranes of the dense engine, tile by tile; here all banks are whole tiles."""
    network, fabric = of.network, of.network.fabric
    columns = of.x.permute(1, 2, 0).contiguous()
    tape = dense.forward(network.state.weight.detach(), network.wiring(), network.dynamics(), columns)
    steps, batch = of.x.shape[1], of.x.shape[0]
    hidden = of.hidden[:, None].float()
    spikes: NDArray[Any] = (tape.spikes * hidden).numpy()
    near: Any = (tape.membrane - network.options.threshold).abs() < network.options.surrogate_width
    active: NDArray[Any] = (near * hidden).numpy()
    links, inputs, to_tile = (
        np.zeros(fabric.neurons),
        np.zeros(of.x.shape[2]),
        np.zeros((fabric.tiles, fabric.tiles), bool),
    )
    heard_by = set()
    for source, tile in network.links.rows:
        if source >= fabric.neurons:
            inputs[source - fabric.neurons] += 1
            heard_by.add(tile)
        else:
            links[source] += 1
            to_tile[fabric.tile_of_slot(source), tile] = True
    tiles = np.arange(fabric.neurons) // fabric.slots
    awake = np.isin(np.arange(fabric.tiles), list(heard_by))
    live = np.isin(np.arange(fabric.tiles), [fabric.tile_of_slot(int(slot)) for slot in of.outputs])
    operations = moments = lived = 0.0
    bits = sum(spikes.sum((1, 2)))
    used = 0.0
    for t in range(steps):
        moments += awake.sum() * 32 * batch
        operations += spikes[t].sum()
        if t + 1 < steps:
            operations += 32 * (spikes[t] * links[:, None]).sum()
        awake = awake | to_tile[np.unique(tiles[spikes[t].any(1)])].any(0)
    for t in range(steps - 1, -1, -1):
        if t + 1 < steps:
            reached: NDArray[Any] = np.any(to_tile & live, axis=1)
            here = reached[tiles][:, None]
            operations += 32 * ((spikes[t] + active[t]) * here * links[:, None]).sum() + 3 * (active[t] * here).sum()
            used += (active[t] * here).sum()
            live = live | (reached & active[t].reshape(fabric.tiles, -1).any(1))
        lived += live.sum() * 32 * batch
    operations += 2 * moments + lived + 2 * 32 * float((of.x.sum((0, 1)).numpy() * inputs).sum())
    devices = int(network.state.mask.sum())
    everyone = fabric.neurons * batch * steps
    codes = min(2 * bits, everyone // 8) + min(2 * used, everyone // 8) + 4 * used
    moved = devices * 49 + 2 * codes + 2 * of.x.numel() + 16 * steps * len(of.outputs) * batch
    return Work(int(operations) + 10 * devices, int(moved), moments / everyone, lived / everyone)


def test_work_is_what_happens(small: Problem) -> None:
    assert count(small) == by_hand(small)


def test_membranes_are_moved_only_where_they_do_not_fit(small: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    work = count(small)
    monkeypatch.setattr(roofline, "last_cache", lambda: 4 * 256 * 5 - 1)
    everyone = 256 * 5 * 20
    reached = round((work.reached_forward + work.reached_backward) * everyone)
    assert count(small).bytes - work.bytes == 2 * 4 * reached
    assert count(small).operations == work.operations


def test_nothing_is_reached_at_the_far_end_of_time(small: Problem) -> None:
    work = count(small)
    assert 0.5 < work.reached_forward <= 1
    assert 0.5 < work.reached_backward < 1


def test_the_bound_is_the_longer_of_both() -> None:
    here = Machine(bytes_per_second=10.0, operations_per_second=100.0)
    assert here.seconds(Work(200, 10, 1, 1)) == 2.0
    assert here.seconds(Work(200, 30, 1, 1)) == 3.0


def test_a_machine_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roofline, "COPIED", 1 << 20)
    monkeypatch.setattr(roofline, "ROUNDS", 100)
    found = machine(1, 2)
    assert 1e8 < found.bytes_per_second < 1e12
    assert 1e8 < found.operations_per_second < 1e12


def test_multiply_adds_are_done() -> None:
    numbers = np.arange(128, dtype=np.float32)
    sums = np.zeros(64, dtype=np.float32)
    width = pytest.importorskip("smalti.model.engines.events.kernels.lanes").width_of(32)
    numbers[:32] = 2
    roofline._kernel()(width, numbers, 3, sums)
    torch.testing.assert_close(torch.from_numpy(sums), torch.from_numpy(6 * (numbers[:64] + numbers[64:])))


def test_the_last_cache_has_a_size() -> None:
    assert last_cache() >= 1 << 16
