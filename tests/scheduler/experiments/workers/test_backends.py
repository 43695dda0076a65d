"""Real workers: processes of this machine, and, as slow tests, a Ray and a Dask cluster on it, with workers killed."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from joblib import delayed

from smalti.scheduler.experiments.design import rows_of
from smalti.scheduler.experiments.reading import load_experiment
from smalti.scheduler.experiments.workers import backends
from smalti.scheduler.experiments.workers.backends import Workers, WorkersDied, check_reachable, opened
from smalti.scheduler.records.folder import RunFolder
from smalti.scheduler.runner import start

ROOT = Path(__file__).resolve().parents[4]
CLUSTERS = ("ray", "dask")
PACKAGES = {"ray": "ray", "dask": "distributed"}
Timeless = Callable[[Path], dict[str, pd.DataFrame]]


def unused_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_local_workers_are_other_processes_with_as_many_threads_as_a_trial_takes() -> None:
    with opened(Workers(count=2, threads=3)) as spread:
        assert list(spread(delayed(pow)(2, number) for number in range(5))) == [1, 2, 4, 8, 16]
        threads = spread(
            delayed(os.getenv)(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
        )
        assert list(threads) == ["3", "3", "3"]
        (process,) = spread([delayed(os.getpid)()], at_a_time=1)
        assert process != os.getpid()


def test_one_worker_is_another_process_too() -> None:
    with opened(Workers(count=1)) as spread:
        assert os.getpid() not in spread(delayed(os.getpid)() for _ in range(3))


def test_local_workers_that_were_killed_are_told_of_and_replaced() -> None:
    with opened(Workers(count=2)) as spread:
        with pytest.raises(WorkersDied):
            spread([delayed(os.kill)(0, 0), delayed(signal.raise_signal)(signal.SIGKILL)])
        assert list(spread([delayed(abs)(-1)])) == [1]


@pytest.mark.parametrize("backend", CLUSTERS)
def test_a_cluster_that_is_not_there_is_told_of_at_once(backend: str) -> None:
    pytest.importorskip(PACKAGES[backend], reason=f"clusters need the extra `{backend}`")
    begin, address = time.monotonic(), f"tcp://127.0.0.1:{unused_port()}"
    with (
        pytest.raises(ValueError, match=f"nobody answers at {address}"),
        opened(Workers(backend=backend, address=address)),
    ):
        pass
    assert time.monotonic() - begin < backends.PATIENCE + 20  # imports included


@pytest.mark.parametrize("address", ["somewhere", "tcp://:1", "host:", "host:port"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="must be HOST:PORT"):
        check_reachable(address)


def test_a_backend_that_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for backend in CLUSTERS:
        monkeypatch.setitem(sys.modules, PACKAGES[backend], None)
        wanted = rf"pip install 'smalti\[{backend}\]'"
        with pytest.raises(ValueError, match=wanted), opened(Workers(backend=backend)):
            pass


def test_workers_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="--workers -1 must not be negative"):
        Workers(count=-1)
    with pytest.raises(ValueError, match="give --backend ray or --backend dask"):
        Workers(address="host:1")


def begun_trial(out: Path, process: subprocess.Popen[str]) -> tuple[str, int]:
    """Name and worker of a trial that has some rounds behind it, and others before it."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        for claim in (out / "claims").glob("*"):
            rounds = RunFolder(out / "trials" / claim.name).rounds_done()
            if 2 <= rounds < 30:
                return claim.name, int(json.loads(claim.read_text())["pid"])
        time.sleep(0.02)
    raise AssertionError("no trial begins")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["local", *CLUSTERS])
def test_no_trial_is_lost_or_doubled_where_a_worker_is_killed(
    backend: str, small: str, tmp_path: Path, timeless: Timeless
) -> None:
    if backend in PACKAGES and importlib.util.find_spec(PACKAGES[backend]) is None:
        pytest.skip(f"clusters need the extra `{backend}`")
    file, out = tmp_path / "mine.toml", tmp_path / "out"
    rule = 'seeds = 2\n[axes]\n"growth.rule" = ["random", "gradmax_whitened"]\n'
    file.write_text(rule + small.replace("rounds = 2", "rounds = 40"), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "smalti.scheduler.cli",
        "sweep",
        str(file),
        "--out",
        str(out),
        "--backend",
        backend,
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*command, "--workers", "2"], cwd=ROOT, **pipes) as process:
        name, worker = begun_trial(out, process)
        assert worker != process.pid
        os.kill(worker, signal.SIGKILL)
        told, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors
    _, trials = rows_of(load_experiment(file))
    assert name in trials
    table = pd.read_parquet(out / "trials.parquet")
    assert sorted(table["trial"]) == sorted(trials) == sorted(path.name for path in (out / "trials").iterdir())
    assert set(table["status"]) == {"done"}
    assert told.count(" done: ") == len(trials)
    for trial in (name, next(other for other in trials if other != name)):
        start(trials[trial].config, tmp_path / trial, lambda simulation: None)
        for kind, rows in timeless(tmp_path / trial).items():
            pd.testing.assert_frame_equal(timeless(out / "trials" / trial)[kind], rows, check_exact=True)


@pytest.mark.slow
@pytest.mark.parametrize("backend", CLUSTERS)
def test_a_task_that_kills_every_worker_is_told_of(backend: str, tmp_path: Path) -> None:
    """In a process of its own: clusters warn of much."""
    pytest.importorskip(PACKAGES[backend], reason=f"clusters need the extra `{backend}`")
    code = f"""
import signal
from joblib import delayed
from smalti.scheduler.experiments.workers.backends import Workers, WorkersDied, opened
if __name__ == "__main__":
    with opened(Workers(backend="{backend}", count=2)) as spread:
        for _ in range(2):
            try:
                spread([delayed(abs)(-1), delayed(signal.raise_signal)(signal.SIGKILL), delayed(abs)(-1)])
            except WorkersDied:
                print("died")
        print(list(spread(delayed(abs)(-number) for number in range(3))))
"""
    (tmp_path / "play.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(tmp_path / "play.py")]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=True)
    lines = [line for line in answer.stdout.splitlines() if "raylet" not in line]
    assert lines == ["died", "died", "[0, 1, 2]"]


LISTENING = """
import sys
import psutil
from joblib import delayed
from smalti.scheduler.experiments.workers.backends import Workers, opened
if __name__ == "__main__":
    with opened(Workers(backend=sys.argv[1], count=2)) as spread:
        assert list(spread([delayed(abs)(-1)])) == [1]
        family = [psutil.Process(), *psutil.Process().children(recursive=True)]
        for one in family:
            for place in one.net_connections("tcp"):
                if place.status == psutil.CONN_LISTEN:
                    print("at", place.laddr.ip)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", CLUSTERS)
def test_a_cluster_of_its_own_listens_to_this_machine_alone(backend: str, tmp_path: Path) -> None:
    pytest.importorskip(PACKAGES[backend], reason=f"clusters need the extra `{backend}`")
    pytest.importorskip("psutil", reason="ports are looked at with psutil")
    (tmp_path / "listening.py").write_text(LISTENING)
    command = [sys.executable, str(tmp_path / "listening.py"), backend]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=True)
    places = [line.removeprefix("at ") for line in answer.stdout.splitlines() if line.startswith("at ")]
    assert len(places) >= 3
    assert {place.removeprefix("::ffff:") for place in places} == {"127.0.0.1"}


@pytest.mark.slow
def test_a_ray_that_was_imported_before_is_refused_where_it_would_listen_to_others(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="clusters need the extra `ray`")
    code = """
import ray
from smalti.scheduler.experiments.workers.backends import Workers, opened
try:
    with opened(Workers(backend="ray", count=2)):
        print("at", ray.util.get_node_ip_address())
except ValueError as error:
    print(error)
assert not ray.is_initialized()
"""
    (tmp_path / "late.py").write_text(code)
    environment = {name: value for name, value in os.environ.items() if name != backends.ALONE}
    command = [sys.executable, str(tmp_path / "late.py")]
    environment["PYTHONPATH"] = str(ROOT)
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=True)
    assert "at 127.0.0.1" in answer.stdout or f"begin Python with {backends.ALONE}=0" in answer.stdout
