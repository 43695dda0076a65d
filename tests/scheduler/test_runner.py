from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from scheduler import checkpoint, runner, snapshot
from scheduler.config import Config
from scheduler.records import RunFolder, open_run
from scheduler.runner import resume, start
from scheduler.schema import TABLES
from scheduler.simulation import Simulation


def nobody(simulation: Simulation) -> None:
    """Watches nothing."""


def small(**run: object) -> Config:
    config = replace(Config(), run=replace(Config().run, quick=True)).resolved()
    config = replace(config, training=replace(config.training, steps=6), run=replace(config.run, quick=False, **run))
    return replace(config, stream=replace(config.stream, limit=15))


def tables(path: Path) -> dict[str, pd.DataFrame]:
    frames = {name: pd.read_parquet(path / "tables" / name) for name in TABLES}
    return {name: f[[c for c in f.columns if not c.startswith("seconds")]] for name, f in frames.items()}


def assert_same(path: Path, other: Path) -> None:
    expected = tables(other)
    for name, frame in tables(path).items():
        pd.testing.assert_frame_equal(frame, expected[name], check_exact=True)
    last, wanted = (checkpoint.load(open_run(p).checkpoint) for p in (path, other))
    assert last.facts == wanted.facts
    assert last.tensors.keys() == wanted.tensors.keys()
    for name, tensor in last.tensors.items():
        assert torch.equal(tensor, wanted.tensors[name]), name


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "whole"
    start(small(), path, nobody)
    return path


def test_tables_of_a_run_open_in_pandas_and_hold_every_round(whole: Path) -> None:
    rounds = tables(whole)["rounds"]
    assert rounds["round"].tolist() == list(range(15))
    assert set(tables(whole)["evaluations"]["setting"]) == {"task", "class", "gate"}
    for name in ("bids", "neurons", "links", "ports"):
        assert len(tables(whole)[name]) > 0


class Killed(BaseException):
    """As sudden as a kill, but inside this process."""


@pytest.mark.parametrize("writes", [1, 2, 3, 4, 5, 6, 7, 20, 21, 22, 40])
def test_a_run_stopped_after_any_write_resumes_to_the_same_tables(
    writes: int, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops after the n-th file written or replaced: between tables, before and after a checkpoint."""
    count = 0
    replaced = os.replace

    def count_and_stop(source: Path, target: Path) -> None:
        nonlocal count
        if ("whole" not in str(target) and "tables" in str(target)) or "checkpoint" in str(target):
            count += 1
            if count == writes + 6:  # the six tables of a new folder come first
                raise Killed
        replaced(source, target)

    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", count_and_stop)
        with pytest.raises(Killed):
            start(small(), path, nobody)
    resume(path, nobody)
    assert_same(path, whole)


@pytest.mark.parametrize("part", ["rounds/part-00000", "rounds/part-00004", "rounds/part-00007", "bids/part-00009"])
def test_a_process_killed_by_sigkill_resumes_to_the_same_tables(part: str, whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "run"
    script = (
        "from pathlib import Path; from scheduler.config_io import load; from scheduler.config import Config;"
        "from scheduler.runner import start; import sys;"
        "start(load(Config, sys.argv[1]), Path(sys.argv[2]), lambda simulation: None)"
    )
    command = [sys.executable, "-c", script, str(whole / "config.toml"), str(path)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    try:
        deadline = time.monotonic() + 120
        while not (path / "tables" / f"{part}.parquet").exists():
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    resume(path, nobody)
    assert_same(path, whole)


def test_a_checkpoint_of_every_round_continues_bit_for_bit() -> None:
    config = small()
    straight = Simulation(config)
    for _ in range(7):
        straight.step()
        tensors, facts = snapshot.take(straight)
        twin = Simulation(config, straight.stream)
        snapshot.restore(twin, tensors, facts, straight.census.neurons, straight.census.links)
        for name, tensor in snapshot.take(twin)[0].items():
            assert torch.equal(tensor, tensors[name]), name
        assert snapshot.take(twin)[1] == facts


def test_resuming_a_finished_run_changes_nothing(whole: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in whole.rglob("*.parquet")}
    resume(whole, nobody)
    assert {p: p.stat().st_mtime_ns for p in whole.rglob("*.parquet")} == before


def test_another_number_of_threads_is_refused(whole: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("config.toml", "environment.json"):
        (copy / name).write_text((whole / name).read_text())
    text = (copy / "config.toml").read_text()
    assert "threads = 1" in text
    (copy / "config.toml").write_text(text.replace("threads = 1", "threads = 2"))
    with pytest.raises(ValueError, match="was run with 1 threads"):
        resume(copy, nobody)


def test_a_run_in_use_is_refused(whole: Path) -> None:
    with RunFolder(whole).lock(), pytest.raises(ValueError, match="in use"):
        resume(whole, nobody)


def test_a_bad_configuration_leaves_nothing_behind(tmp_path: Path) -> None:
    config = replace(small(), growth=replace(small().growth, rule="nonsense"))
    with pytest.raises(ValueError, match=r"growth.rule = 'nonsense' is unknown; take one of random"):
        runner.start(config, tmp_path / "run", nobody)
    assert list(tmp_path.iterdir()) == []
