"""Time engines in turn, in one process or beside another; and the memory that they take.

Whoever is timed gets turns: torch is given its threads, idle threads have time to fall asleep, then the work is done
again and again for a while. A turn counts as the median of its steps, by the clock and by the processor, whose seconds
are those of all threads of the process; recorded are the median, the least and the greatest of the turns. Peak memory
is what a step takes beyond what was there, by the kernel's count, if there is one. Who is slow gets fewer turns, and
its memory is not measured.
"""

from __future__ import annotations

import ctypes
import gc
import math
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median
from time import perf_counter, process_time, sleep
from typing import Any

import torch

from benchmarks.engines import roofline
from benchmarks.engines.peer_jobs import Say, peer_jobs
from benchmarks.engines.workload import Job, Problem, Step, Workload, has_events, our_job, passes, problem

CALM = 0.02  # seconds after which torch's idle threads no longer spin
TURN = 0.1  # least seconds of a turn
OURS = ("events", "dense")
PATIENCE = 600.0  # seconds that a process waits for another
Case = tuple[Workload, tuple[str, ...]]  # what is computed, and by which engines


@dataclass(frozen=True)
class Record:
    """One engine at one size."""

    engine: str
    neurons: int
    rate: float  # spikes per hidden neuron and step
    active: float  # share of hidden membranes inside the surrogate's support
    seconds: float  # of the clock, median
    seconds_low: float
    seconds_high: float
    cpu_seconds: float  # of the processor, median
    cpu_low: float
    cpu_high: float
    peak_bytes: int | None  # beyond what was there before
    threads: int
    what: str = "step"  # timed: step; forward or inference pass; step by threads; step by processes
    processes: int = 1  # that did this at once
    rate_asked: float = 0.05  # rate asked for
    flushed: bool = True  # denormal numbers were zero
    resident_bytes: int | None = None  # at the peak, everything included
    deviation: float | None = None  # of a peer's loss and gradients from the reference, the greater of both, relative
    work: roofline.Work | None = None  # fewest operations and bytes of a step of the event-driven engine

    @property
    def compared(self) -> tuple[float, float, float]:
        """Median, least and greatest of the seconds that engines are compared by.

        With one thread those of the processor, which other programs on this machine disturb least; else of the clock.
        """
        if self.threads == 1:
            return self.cpu_seconds, self.cpu_low, self.cpu_high
        return self.seconds, self.seconds_low, self.seconds_high


@dataclass(frozen=True)
class Turn:
    """Medians over the steps of a turn."""

    seconds: float  # of the clock
    cpu_seconds: float  # of all threads


def turn(job: Job, least: float = TURN) -> Turn:
    """Run for a while."""
    torch.set_num_threads(job.torch_threads)
    sleep(CALM)
    seconds, cpu_seconds = list[float](), list[float]()
    while not seconds or sum(seconds) < least:
        begin, cpu_begin = perf_counter(), process_time()
        job.run()
        cpu_seconds.append(process_time() - cpu_begin)
        seconds.append(perf_counter() - begin)
    return Turn(median(seconds), median(cpu_seconds))


def in_turn(jobs: dict[str, Job], repeats: int, patience: float = math.inf) -> dict[str, list[Turn]]:
    """All turns of every job; after ``patience`` seconds a job gets no more."""
    turns: dict[str, list[Turn]] = {name: [] for name in jobs}
    for _ in range(repeats):
        for name, job in jobs.items():
            if sum(one.seconds for one in turns[name]) < patience:
                turns[name].append(turn(job))
    return turns


def jobs_of(of: Problem, workload: Workload, engines: Sequence[str], say: Say) -> dict[str, Job]:
    """A training step of every engine that can run here, ours first, and passes of the event-driven engine."""
    jobs = dict[str, Job]()
    if "events" in engines and not has_events():
        say("events is left out: numba is not installed; pip install numba")
    elif "events" in engines:
        jobs["events"] = our_job(of, "events", workload.threads)
        jobs.update(passes(of, workload.threads))
    if "dense" in engines:
        jobs["dense"] = our_job(of, "dense", workload.threads)
    return jobs | peer_jobs(of, [name for name in engines if name not in OURS], workload.threads, say)


def measure(
    workload: Workload, engines: Sequence[str], repeats: int, say: Say, patience: float = math.inf
) -> list[Record]:
    """Time every engine at one size, in turn."""
    of = problem(workload)
    active, work = of.active(), roofline.count(of) if of.network.engine == "events" else None
    jobs, peaks = jobs_of(of, workload, engines, say), dict[str, tuple[int | None, int | None]]()
    for name, job in jobs.items():
        torch.set_num_threads(job.torch_threads)
        begin = perf_counter()
        job.run()
        job.forget()
        peaks[name] = peak_of(job.run) if perf_counter() - begin < patience else (None, None)
    records, flushed = list[Record](), flushes_denormals()
    for name, turns in in_turn(jobs, repeats, patience).items():
        a_pass, apart = name in ("forward", "inference"), jobs[name].deviation
        rest: dict[str, Any] = {"peak_bytes": peaks[name][0], "resident_bytes": peaks[name][1], "flushed": flushed}
        rest["deviation"] = max(apart.loss, apart.gradients) if apart else None
        what, engine = (name, "events") if a_pass else ("step", name)
        least = work if name == "events" else None
        records.append(record(workload, engine, what, jobs[name].rate, active, turns, work=least, **rest))
    return records


def record(
    of: Workload, engine: str, what: str, rate: float, active: float, turns: Sequence[Turn], **rest: Any
) -> Record:
    """Of the turns of one engine; ``rest`` are further fields."""
    fields = {"peak_bytes": None, "threads": of.threads, "what": what, "rate_asked": of.rate, **rest}
    clock, cpu = [one.seconds for one in turns], [one.cpu_seconds for one in turns]
    spans = [(median(seconds), min(seconds), max(seconds)) for seconds in (clock, cpu)]
    return Record(engine, of.neurons, rate, active, *spans[0], *spans[1], **fields)


def by_threads(workload: Workload, repeats: int) -> list[Record]:
    """A step of the event-driven engine by one thread and by as many as asked for, in turn."""
    of = problem(workload)
    jobs = {str(count): our_job(of, "events", count) for count in sorted({1, workload.threads})}
    for job in jobs.values():
        job.run()
    active, turns = of.active(), in_turn(jobs, repeats)
    return [
        record(workload, "events", "threads", jobs[name].rate, active, turns[name], threads=int(name)) for name in jobs
    ]


def by_processes(workload: Workload, repeats: int) -> list[Record]:
    """The same step by one thread, in one process alone and in several at once: what this machine can gain at all."""
    context, count = multiprocessing.get_context("spawn"), workload.threads
    barrier = context.Barrier(count)
    with ProcessPoolExecutor(count, context, _share, (barrier,)) as pool:
        waiting = [pool.submit(_beside_others, workload, repeats, number == 0) for number in range(count)]
        rate, active, alone, together = zip(*(one.result() for one in waiting), strict=True)
    joint = [jointly(one) for one in zip(*together, strict=True)]
    common = workload, "events", "processes", rate[0], active[0]
    return [record(*common, alone[0], threads=1), record(*common, joint, threads=1, processes=count)]


def jointly(turns: Sequence[Turn]) -> Turn:
    """Of processes that work at once: seconds in which each would do a step at their mean throughput."""
    throughput = sum(1 / one.seconds for one in turns) / len(turns)
    return Turn(1 / throughput, sum(one.cpu_seconds for one in turns) / len(turns))


def with_denormals(cases: Sequence[Case], repeats: int, patience: float = math.inf) -> list[Record]:
    """``measure`` in a process of its own that does not flush denormal numbers."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measure_all, list(cases), repeats, patience).result()


def flushes_denormals() -> bool:
    """Whether denormal numbers are zero in this thread."""
    return float(torch.tensor(1e-39) * 1.0) == 0.0


def peak_of(train: Step) -> tuple[int | None, int | None]:
    """Most bytes in use during a step: beyond those before it, and all; None where the kernel does not count."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        before = _resident("VmRSS")
        train()
        most = _resident("VmHWM")
        return max(0, most - before), most
    except (AttributeError, OSError, KeyError):
        return None, None


def _resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(dict(line.split(":", 1) for line in lines)[field].split()[0]) * 1024


def _measure_all(cases: Sequence[Case], repeats: int, patience: float = math.inf) -> list[Record]:
    torch.set_flush_denormal(False)
    return [one for workload, engines in cases for one in measure(workload, engines, repeats, lambda _: None, patience)]


_meeting: list[Barrier] = []  # of a process that works beside others


def _share(barrier: Barrier) -> None:
    torch.set_flush_denormal(True)
    _meeting.append(barrier)


def _beside_others(workload: Workload, repeats: int, first: bool) -> tuple[float, float, list[Turn], list[Turn]]:
    """Rate, active share, and turns of a step: of the first process alone, then of all at once, and so on."""
    try:
        of = problem(workload)
        job, active, alone, together = our_job(of, "events", 1), of.active(), list[Turn](), list[Turn]()
        job.run()
        for _ in range(repeats):
            _meeting[0].wait(PATIENCE)
            if first:
                alone.append(turn(job, 5 * TURN))
            _meeting[0].wait(PATIENCE)
            together.append(turn(job, 5 * TURN))
    except BaseException:
        _meeting[0].abort()
        raise
    return job.rate, active, alone, together
