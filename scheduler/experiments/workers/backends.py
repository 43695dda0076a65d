"""Who runs the trials: processes of this machine, or the workers of a Ray or Dask cluster; all through joblib.

Every backend gives a ``Spread``: a function that has tasks done by the workers, so many at a time, and returns when all
are. It raises ``WorkersDied`` where a worker was killed; what the others had begun may then have been stopped too.
"""

from __future__ import annotations

import logging
import os
import socket
import warnings
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, Protocol

from joblib import Parallel, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

QUIET = logging.CRITICAL
LOOPBACK = "127.0.0.1"  # where clusters of this machine's own listen: others cannot reach it
ALONE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # of Ray: 0 keeps all that it starts at LOOPBACK
RENEWED = "A worker stopped while some jobs were given"  # by joblib, for it held more memory than after its first trial
PATIENCE = 10.0  # seconds that a cluster has to answer
Task = tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]  # what joblib.delayed makes


class Spread(Protocol):
    """Has tasks done; at_a_time limits how many at once, 0 for as many as there are workers."""

    def __call__(self, tasks: Iterable[Task], at_a_time: int = 0) -> Sequence[object]: ...


class WorkersDied(Exception):
    """A worker was killed, or its machine went away."""


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Who is to work.

    Attributes:
        backend: local, ray or dask.
        address: of a running cluster; empty starts one on this machine.
        count: trials at a time; 0 for as many as there are cores.
        threads: threads that a trial takes.
    """

    backend: Literal["local", "ray", "dask"] = "local"
    address: str = ""
    count: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"--workers {self.count} must not be negative; 0 takes every core")
        if self.address and self.backend == "local":
            raise ValueError(f"--address {self.address} is that of a cluster; give --backend ray or --backend dask")

    @property
    def here(self) -> int:
        """Workers on this machine."""
        return self.count or max(1, len(os.sched_getaffinity(0)) // self.threads)


def opened(workers: Workers) -> AbstractContextManager[Spread]:
    """The workers, for as long as the context lasts.

    Raises:
        ValueError: they cannot be reached, or what they need is not installed.
    """
    return {"local": _local, "ray": _ray, "dask": _dask}[workers.backend](workers)


@contextmanager
def _local(workers: Workers) -> Iterator[Spread]:
    from joblib.externals.loky import get_reusable_executor

    def spread(tasks: Iterable[Task], at_a_time: int = 0) -> Sequence[object]:
        limit = at_a_time or workers.here
        config = parallel_config("loky", n_jobs=_jobs(workers.here), inner_max_num_threads=workers.threads)
        with config, warnings.catch_warnings():
            warnings.filterwarnings("ignore", RENEWED)
            try:
                return _run(tasks, limit)
            except TerminatedWorkerError as error:
                raise WorkersDied(str(error)) from error

    try:
        yield spread
    finally:
        get_reusable_executor(max_workers=1, reuse=True).shutdown(wait=True, kill_workers=True)


@contextmanager
def _dask(workers: Workers) -> Iterator[Spread]:
    distributed = _needed("distributed", "dask")
    from smalti.scheduler.experiments.workers.dask_backend import DaskBackend

    if workers.address:
        check_reachable(workers.address)
    with ExitStack() as open_ones:
        place: Any = workers.address
        if not place:
            own = {"n_workers": workers.here, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": QUIET}
            place = open_ones.enter_context(distributed.LocalCluster(host=LOOPBACK, processes=True, **own))
            place.adapt(minimum=workers.here, maximum=workers.here)  # new ones for those that die while they start
        try:
            client = open_ones.enter_context(distributed.Client(place, timeout=PATIENCE, set_as_default=False))
        except OSError as error:
            raise ValueError(f"no Dask scheduler answers at {workers.address}: {_one_line(error)}") from error
        _check_dask(client, workers)

        def spread(tasks: Iterable[Task], at_a_time: int = 0) -> Sequence[object]:
            limit = at_a_time or workers.count or 2 * max(1, len(_dask_workers(client)))
            with parallel_config(DaskBackend(client), n_jobs=limit):
                try:
                    return _run(tasks, limit)
                except distributed.KilledWorker as error:
                    raise WorkersDied(_one_line(error)) from error
                except CancelledError as error:
                    raise ValueError("the Dask scheduler went away; the same command goes on") from error

        yield spread


@contextmanager
def _ray(workers: Workers) -> Iterator[Spread]:
    ray = _own_ray(workers) if not workers.address else _joined_ray(workers.address)
    _needed("ray.util.joblib", "ray").register_ray()
    cores = int(ray.cluster_resources().get("CPU", 1))
    count = workers.count or max(1, cores // workers.threads)
    jobs = _jobs(count)

    def spread(tasks: Iterable[Task], at_a_time: int = 0) -> Sequence[object]:
        taken = {"num_cpus": min(workers.threads, cores / jobs)}
        with parallel_config("ray", n_jobs=jobs, ray_remote_args=taken):
            try:
                return _run(tasks, at_a_time or count)
            except ray.exceptions.RayError as error:
                raise WorkersDied(_one_line(error)) from error

    try:
        yield spread
    finally:
        ray.shutdown()


def _joined_ray(address: str) -> Any:
    """Ray, connected to a cluster that runs."""
    ray = _needed("ray", "ray")
    if address != "auto":
        check_reachable(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=QUIET)
    except (ConnectionError, RuntimeError, TimeoutError) as error:
        raise ValueError(f"no Ray cluster answers at {address}: {_one_line(error)}") from error
    return ray


def _own_ray(workers: Workers) -> Any:
    """Ray, with a cluster on this machine that no other can reach.

    Ray puts the machine's own address in place of 127.0.0.1, and listens at all of them, unless it was told before its
    import that this machine is part of no cluster, as it always takes Windows and macOS to be.
    """
    before = os.environ.get(ALONE)
    os.environ[ALONE] = "0"
    try:
        ray = _needed("ray", "ray")
        cores = {"num_cpus": _jobs(workers.here) * workers.threads, "include_dashboard": False}
        ray.init(address="local", _node_ip_address=LOOPBACK, log_to_driver=False, logging_level=QUIET, **cores)
    except (ConnectionError, RuntimeError, TimeoutError) as error:
        raise ValueError(f"Ray cannot start a cluster on this machine: {_one_line(error)}") from error
    finally:
        if before is None:
            del os.environ[ALONE]
        else:
            os.environ[ALONE] = before
    if (address := ray.util.get_node_ip_address()) != LOOPBACK:
        ray.shutdown()
        raise ValueError(
            f"Ray would listen at {address}, where other machines reach it, for it was imported before: begin Python "
            f"with {ALONE}=0 in the environment, take another backend, or start a cluster and give its address"
        )
    return ray


def check_reachable(address: str) -> None:
    """Whether anybody listens at an address such as tcp://host:8786; clients of clusters would wait for long.

    Raises:
        ValueError: nobody does, or it is no address.
    """
    host, _, port = address.partition("://")[2].rpartition(":") if "://" in address else address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(
            f"--address {address} must be HOST:PORT, such as tcp://10.0.0.1:8786 (Dask) or ray://host:10001"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise ValueError(
            f"nobody answers at {address} ({error}); is the cluster running, and can this machine reach it?"
        ) from error


def _run(tasks: Iterable[Task], limit: int) -> Sequence[object]:
    """No batches: trials take long; no queue at the workers beyond the limit, others may be at the same experiment."""
    done: list[object] = Parallel(batch_size=1, pre_dispatch=limit)(tasks)
    return done


def _jobs(count: int) -> int:
    """Processes to ask for: for a single one joblib would take this process, which a trial must not end."""
    return max(2, count)


def _needed(module: str, backend: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(f"--backend {backend} needs {error.name}: pip install 'smalti[{backend}]'") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _dask_workers(client: Any) -> dict[str, Any]:
    return dict(client.scheduler_info(n_workers=-1)["workers"])


def _check_dask(client: Any, workers: Workers) -> None:
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise ValueError(
            f"the Dask scheduler at {workers.address} has no workers; start some: dask worker ADDRESS"
        ) from error
    if any(one["nthreads"] > 1 for one in _dask_workers(client).values()):
        raise ValueError(
            f"workers at {workers.address} have several threads each, but trials need processes of their own; start "
            "them with: dask worker ADDRESS --nworkers N --nthreads 1"
        )
