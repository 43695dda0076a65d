"""How fast a training step of the event-driven engine could be at best on this machine: a lower bound of its seconds.

Counted from what happens in the batch, at most what any way of doing it by events must do:

- operations, one for every lane that an addition, a multiplication, a multiply-add or a comparison concerns.
  Forward: leak and comparison of every neuron that something has reached; the link rows of spikes and of inputs.
  Backward: leak of every adjoint that is not zero; for every membrane inside the support, its link rows times adjoints,
  and three for the surrogate; for every spike and input, its link rows of weight gradients. Nothing is counted
  where spikes or adjoints cannot have come yet, nor for links of the last step, which nobody hears.
  Optimiser: ten for every device.
- bytes. Weights are read once forward, once backward, their gradient is written once; the optimiser reads the gradient
  and whether a device learns, reads and writes weight, two moments and the count of steps. Spikes and active membranes
  are written once and read once, as codes of two bytes or one bit a neuron, whatever is less, the membranes'
  values beside. Inputs are read twice; output membranes and their gradients written and read. Membranes and
  adjoints are read and written at every step only if those of the batch do not fit the last cache.

The bound is the longer of bytes / copy bandwidth and operations / rate. Bandwidth counts bytes read and written by
copies of an array larger than the cache; the rate is that of multiply-adds with one operand in registers and one in the
first cache, which is faster than what links can reach: they load two and store one. Both may overlap fully.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from benchmarks.engines.workload import Problem
from smalti.model.engines.threads import in_threads

COPIED = 1 << 27  # bytes that a thread copies at a time
LANES, IN_CACHE, ROUNDS = 32, 2048, 200_000  # of the kernel that measures the rate
LEAST_CACHE = 1 << 25  # where the size of the last cache is unknown
Bools = NDArray[np.bool_]
Array = NDArray[Any]


@dataclass(frozen=True)
class Work:
    """The least that a training step takes."""

    operations: int
    bytes: int
    reached_forward: float  # share of neurons and steps that something has reached
    reached_backward: float  # share of those with an adjoint


@dataclass(frozen=True)
class Machine:
    """What this machine can do."""

    bytes_per_second: float
    operations_per_second: float

    def seconds(self, work: Work) -> float:
        """Lower bound of a step."""
        return max(work.bytes / self.bytes_per_second, work.operations / self.operations_per_second)


@dataclass
class _Sums:
    """Over all steps and samples."""

    spikes: int = 0
    active: int = 0  # with an adjoint to come
    spike_links: int = 0  # segments
    blamed_links: int = 0
    asked_links: int = 0
    awake: int = 0  # neuron-steps
    live: int = 0


def count(of: Problem) -> Work:
    """Fewest operations and bytes of a training step, from a forward run."""
    circuit, past = of.network.circuit(of.outputs), of.past()
    plan, item = circuit.plan, circuit.dtype.itemsize
    lanes, sums = plan.lanes, _Sums()
    degree = np.diff(plan.graph.start)
    for block in past.blocks:
        _count_block(plan, degree, block, sums)
    input_events = int((degree[plan.units :] * (of.x != 0).sum((0, 1)).numpy()).sum())
    samples, steps, _ = of.x.shape
    devices = int((of.network.state.mask & ~of.network.state.frozen).sum())
    operations = 2 * sums.awake + sums.spikes + lanes * (sums.spike_links + input_events)
    operations += sums.live + 3 * sums.active + lanes * (sums.asked_links + sums.blamed_links + input_events)
    everyone = plan.units * samples * steps
    codes = min(2 * sums.spikes, everyone // 8) + min(2 * sums.active, everyone // 8) + item * sums.active
    moved = devices * (12 * item + 1) + 2 * codes + 2 * of.x.numel() + 4 * item * past.outputs.size
    if plan.units * samples * item > last_cache():
        moved += 2 * item * (sums.awake + sums.live)
    return Work(operations + 10 * devices, moved, sums.awake / everyone, sums.live / everyone)


def _count_block(plan: Any, degree: Array, block: Any, sums: _Sums) -> None:
    """Add what happens in a block of samples."""
    tape, lanes, banks = block.tape, plan.lanes, plan.banks
    steps, each = (len(tape.fired_at) - 1) // banks, lanes * block.samples
    awake, live = reach(plan, tape, steps)
    for t in range(steps):
        first, last = t * banks, t + 1 == steps
        fired, links = _events(tape.fired, tape.fired_at[first : first + banks + 1], degree, lanes)
        sums.spikes += int(fired.sum())
        sums.awake += int(awake[t].sum()) * each
        sums.live += int(live[t].sum()) * each
        if not last:
            reached = _touch(plan) @ live[t + 1] > 0
            active, asked = _events(tape.active, tape.active_at[first : first + banks + 1], degree, lanes)
            sums.spike_links += int(links.sum())
            sums.blamed_links += int(links[reached].sum())
            sums.active += int(active[reached].sum())
            sums.asked_links += int(asked[reached].sum())


def _events(codes: Array, at: Array, degree: Array, lanes: int) -> tuple[Array, Array]:
    """Events of each bank in a step [banks], and the segments that they drive."""
    here = np.diff(at)
    bank = np.repeat(np.arange(len(here)), here)
    links = degree[bank * lanes + codes[at[0] : at[-1]] % lanes]
    return here, np.bincount(bank, links, minlength=len(here)).astype(np.int64)


def reach(plan: Any, tape: Any, steps: int) -> tuple[Bools, Bools]:
    """Banks that spikes or inputs have reached at each step, and those with adjoints [T, banks]."""
    banks, graph = plan.banks, plan.graph
    awake, live = np.zeros((steps, banks), dtype=np.bool_), np.zeros((steps, banks), dtype=np.bool_)
    fires, passes = np.diff(tape.fired_at) > 0, np.diff(tape.active_at) > 0
    touch, outputs = _touch(plan), np.unique(graph.outputs // plan.lanes)
    awake[0, graph.bank[graph.start[plan.units] :]] = True
    for t in range(1, steps):
        sent = touch.T @ fires[(t - 1) * banks : t * banks] > 0
        awake[t] = awake[t - 1] | sent
    live[-1, outputs] = True
    for t in range(steps - 2, -1, -1):
        asked = (touch @ live[t + 1] > 0) & passes[t * banks : (t + 1) * banks]
        live[t] = live[t + 1] | asked
    return awake, live


def _touch(plan: Any) -> Any:
    """Which bank drives which, as a sparse matrix [banks, banks]."""
    graph = plan.graph
    return csr_array((np.ones(len(graph.near), np.int32), graph.near, graph.near_start), (plan.banks, plan.banks))


def last_cache() -> int:
    """Bytes of the last cache of this machine."""
    sizes = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    cache_bytes = [int(size.read_text().strip().removesuffix("K")) * 1024 for size in sizes]
    return max(cache_bytes, default=LEAST_CACHE)


def machine(threads: int, repeats: int = 7) -> Machine:
    """Measure this machine with so many threads; the best of some tries, by the clock that engines are compared by."""
    arrays = [(np.ones(COPIED // 8), np.zeros(COPIED // 8)) for _ in range(threads)]
    numbers = np.full(IN_CACHE, 1e-3, dtype=np.float32)
    width = importlib.import_module("smalti.model.engines.events.kernels.lanes").width_of(LANES)
    multiply_adds, sums = _kernel(), np.zeros((threads, 2 * LANES), dtype=np.float32)

    def copy(number: int) -> None:
        np.copyto(arrays[number][1], arrays[number][0])

    def compute(number: int) -> None:
        multiply_adds(width, numbers, ROUNDS, sums[number])

    compute(0)
    copied, computed = (_best(work, threads, repeats) for work in (copy, compute))
    return Machine(2 * COPIED * threads / copied, 1.0 * IN_CACHE * ROUNDS * threads / computed)


def _best(work: Any, threads: int, repeats: int) -> float:
    """Least seconds in which all threads have done the work."""
    now, seconds = process_time if threads == 1 else perf_counter, []
    for _ in range(repeats):
        begin = now()
        in_threads(work, range(threads), threads)
        seconds.append(now() - begin)
    return min(seconds)


@lru_cache(maxsize=1)
def _kernel() -> Any:
    """Multiply-adds over an array in the first cache, to two sums of 32 lanes."""
    numba, ours = importlib.import_module("numba"), importlib.import_module("smalti.model.engines.events.kernels.lanes")
    load, store, zeros, add_product, lanes_of = ours.load, ours.store, ours.zeros, ours.add_product, ours.lanes_of

    def multiply_adds(width: Any, numbers: Any, rounds: int, sums: Any) -> None:
        lanes = lanes_of(width)
        one, other, factor = zeros(width, numbers), zeros(width, numbers), load(width, numbers, 0)
        for _ in range(rounds):
            for k in range(0, numbers.size, 2 * lanes):
                one = add_product(one, load(width, numbers, k), factor)
                other = add_product(other, load(width, numbers, k + lanes), factor)
        store(sums, 0, one)
        store(sums, lanes, other)

    return numba.njit(nogil=True)(multiply_adds)
