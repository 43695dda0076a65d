"""Runs that are killed: real processes, real SIGKILLs, and tables that end up as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import dump
from smalti.scheduler.records import checkpoint, pieces
from smalti.scheduler.records.folder import RunFolder, create_run, open_run
from smalti.scheduler.records.pieces import LARGE
from smalti.scheduler.runner import resume, start
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]
Timeless = Callable[[Path], dict[str, pd.DataFrame]]
StateOf = Callable[[Path], object]
ROOT = Path(__file__).resolve().parents[2]
TABLES_IN_A_ROUND = 6

# Each line names a configuration, a folder, and before or after which of its files (counted from 1, as they appear by
# os.replace) the run kills itself. One process for all of them: imports take longest.
NURSERY = """
import os, signal, sys
from pathlib import Path
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import load
from smalti.scheduler.records import checkpoint, pieces
from smalti.scheduler.runner import start

def run(config, out, number, before, large):
    checkpoint.LARGE = pieces.LARGE = large
    replace, count = os.replace, 0
    def replace_and_die(*names):
        nonlocal count
        count += 1
        if not before or count != number:
            replace(*names)
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
    os.replace = replace_and_die
    start(load(Config, config), Path(out), lambda simulation: None)

for line in sys.stdin:
    config, out, number, before, large = line.split()
    child = os.fork()
    if child == 0:
        run(config, out, int(number), before == "before", int(large))
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def nothing(simulation: Simulation) -> None:
    """Watch without a word."""


def same(one: Path, other: Path, timeless: Timeless, state_of: StateOf) -> None:
    for name, table in timeless(one).items():
        pd.testing.assert_frame_equal(timeless(other)[name], table, check_exact=True)
    assert state_of(one) == state_of(other)


@pytest.fixture(scope="module")
def nursery() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", NURSERY]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.stdin.close()


def test_killed_at_every_file_that_it_writes(
    tiny: MakeConfig,
    tmp_path: Path,
    timeless: Timeless,
    state_of: StateOf,
    nursery: subprocess.Popen[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = tiny(training={"rounds": 1, "steps": 2})
    (tmp_path / "config.toml").write_text(dump(config), encoding="utf-8")
    written: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *names: (written.append(Path(names[1]).name), replace(*names)))
    create_run(tmp_path / "empty", config="", seed=0, threads=1)
    first = len(written)
    written.clear()
    start(config, tmp_path / "whole", nothing)
    monkeypatch.undo()
    assert written[first:].count("state.safetensors") == 2
    assert len(written) == first + 2 * (TABLES_IN_A_ROUND + 1)
    for number in range(first, len(written)):
        for when in ("before", "after"):
            out = tmp_path / f"{when}-{number}"
            print(tmp_path / "config.toml", out, number, when, LARGE, file=nursery.stdin, flush=True)
            assert int(nursery.stdout.readline()) == signal.SIGKILL
            if not out.exists():
                assert number == first  # the folder is moved into place when all is in it
                start(config, out, nothing)
            else:
                resume(out, nothing)
            same(tmp_path / "whole", out, timeless, state_of)
            assert not list(out.rglob(".*.tmp"))


def test_killed_while_large_tensors_are_written(
    tiny: MakeConfig,
    tmp_path: Path,
    timeless: Timeless,
    state_of: StateOf,
    nursery: subprocess.Popen[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sums of the gating network stand in pieces; killed at every file of the second checkpoint."""
    config, large = tiny(training={"rounds": 2, "steps": 2}), 700
    (tmp_path / "config.toml").write_text(dump(config), encoding="utf-8")
    monkeypatch.setattr(pieces, "LARGE", large)
    monkeypatch.setattr(checkpoint, "LARGE", large)
    written: list[str] = []
    replace = os.replace
    with monkeypatch.context() as watched:
        watched.setattr(os, "replace", lambda *names: (written.append(Path(names[1]).name), replace(*names)))
        start(config, tmp_path / "whole", nothing)
    heads = [number for number, name in enumerate(written) if name == "state.safetensors"]
    here = [n for n in range(heads[0] + 1, heads[1] + 1) if not written[n].endswith(".parquet")]
    assert sum(written[number].startswith("piece-") for number in here) > 1
    for number in here:
        for when in ("before", "after"):
            out = tmp_path / f"{when}-{number}"
            print(tmp_path / "config.toml", out, number + 1, when, large, file=nursery.stdin, flush=True)
            assert int(nursery.stdout.readline()) == signal.SIGKILL
            resume(out, nothing)
            same(tmp_path / "whole", out, timeless, state_of)
            parts = [sorted(f.name for f in (run / "checkpoint").iterdir()) for run in (tmp_path / "whole", out)]
            assert parts[0] == parts[1]
            assert len(parts[0]) > 2


@pytest.fixture
def command(tiny: MakeConfig, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts ``smalti`` in a process of its own, which does not outlive the test."""
    processes: list[subprocess.Popen[bytes]] = []

    def run(*arguments: str) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-m", "smalti.scheduler.cli", *arguments]
        processes.append(subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
        return processes[-1]

    yield run
    for process in processes:
        with process:  # closes its pipes
            process.kill()


def test_the_command_killed_at_any_moment_and_resumed(
    tiny: MakeConfig,
    tmp_path: Path,
    timeless: Timeless,
    state_of: StateOf,
    command: Callable[..., subprocess.Popen[bytes]],
) -> None:
    moments, out = random.Random(0), tmp_path / "killed"
    config = tiny(training={"rounds": 25, "steps": 2})
    (tmp_path / "config.toml").write_text(dump(config), encoding="utf-8")
    checkpoint, reached = out / "checkpoint" / "state.safetensors", [0]
    process = command("run", str(tmp_path / "config.toml"), "--out", str(out))
    for _ in range(2):
        wait_for(lambda: checkpoint.exists() and rounds(out) > reached[-1], process)
        time.sleep(moments.uniform(0, 0.3))
        process.kill()
        process.wait()
        assert process.returncode == -signal.SIGKILL
        reached.append(rounds(out))
        process = command("resume", str(out))
    process.communicate()
    assert process.returncode == 0
    assert 0 < reached[1] < reached[2] < 50
    start(config, tmp_path / "whole", nothing)
    same(tmp_path / "whole", out, timeless, state_of)


def rounds(folder: Path) -> int:
    return RunFolder(folder).rounds_done()


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_two_commands_cannot_write_to_one_folder(
    tiny: MakeConfig, tmp_path: Path, command: Callable[..., subprocess.Popen[bytes]]
) -> None:
    out = tmp_path / "run"
    create_run(out, config=dump(tiny()), seed=0, threads=1)
    with open_run(out).lock():
        process = command("resume", str(out))
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"in use by another smalti process; wait for it" in errors
    assert len(errors.splitlines()) == 1
