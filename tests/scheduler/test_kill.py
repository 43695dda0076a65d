"""What a run leaves on disk when it is killed at any moment: a real process, a real SIGKILL."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import torch

from smalti.scheduler.records.checkpoint import load, save
from smalti.scheduler.records.folder import RunFolder, create_run, open_run
from smalti.scheduler.records.writer import TableWriter, check_written, drop_in_hand

ROOT = Path(__file__).resolve().parents[2]
KILLS = 10
PORTS = 500

WRITER = """
import os, sys, torch
from smalti.scheduler.records import checkpoint
from smalti.scheduler.records import writer
from smalti.scheduler.records.folder import open_run

def write(run):
    writer.ROUNDS, tables, round = 4, writer.TableWriter(run), 0
    while True:
        columns = {name: [round] * 500 for name in ("round", "grid_row", "grid_col", "used", "capacity")}
        columns |= {name: ["in"] * 500 for name in ("kind", "side", "direction")}
        tables.append("ports", round, columns)
        neuron = {"tile": 0, "slot": 0, "birth_slot": 0, "kind": "hidden", "task": 0, "rule": "seed"}
        neuron |= {"birth_round": round, "cell": "", "tau_ms": 20.0, "synapse_ms": 0.0}
        rows = [neuron | {"neuron": number, "retired_round": None} for number in range(round + 1)]
        tables.rewrite("neurons", rows)
        facts = {"round": round, "written": tables.written}
        large = torch.ones(2, 200_000)  # in two pieces, of which one is never written again
        large[1] = round
        checkpoint.save(run.checkpoint, {"w": torch.full((300, 300), float(round)), "large": large}, facts)
        round += 1

torch.set_num_threads(1)
for line in sys.stdin:  # one line: one process to be killed, without the time that imports take
    child = os.fork()
    if child == 0:
        write(open_run(line.strip()))
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def check(run: RunFolder) -> int:
    """Everything that is there is whole; the run can go on from its checkpoint. Returns its round."""
    for file in run.path.rglob("*.parquet"):
        pq.read_table(file)
    state = load(run.checkpoint)
    last = state.facts["round"]
    assert isinstance(last, int)
    assert state.tensors["w"].unique().tolist() == [last]
    assert [row.unique().tolist() for row in state.tensors["large"]] == [[1], [last]]
    ports = pd.read_parquet(run.folder("ports"))
    assert ports.groupby("round").size().tolist() == [PORTS] * (ports["round"].max() + 1)
    assert ports["round"].max() in (last, last + 1)
    assert len(pd.read_parquet(run.folder("neurons"))) in (last + 1, last + 2)
    written = state.facts["written"]
    check_written(run, written, last + 1)
    drop_in_hand(run, written)
    assert not list(run.path.rglob(".*.tmp"))
    tables = TableWriter(run, written)
    row = run.read_rows("ports")[0] | {"round": last + 1}
    tables.append("ports", last + 1, [row])  # replaces what was written of that round
    assert run.read("ports").groupby("round").size().tolist() == [PORTS] * (last + 1) + [1]
    save(run.checkpoint, state.tensors, {"round": last + 1, "written": tables.written})
    check_written(run, load(run.checkpoint).facts["written"], last + 2)
    assert len(list(run.checkpoint.parent.iterdir())) == 1 + len(state.tensors["large"][:, 0].unique())
    return last


def test_whatever_the_moment_all_files_are_whole_and_the_run_can_go_on(tmp_path: Path) -> None:
    moments = random.Random(0)
    command = [sys.executable, "-c", WRITER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    rounds = []
    with subprocess.Popen(command, cwd=ROOT, **pipes) as nursery:
        for number in range(KILLS):
            run = create_run(tmp_path / str(number), config="", seed=0, threads=1)
            print(run.path, file=nursery.stdin, flush=True)
            child = int(nursery.stdout.readline())
            deadline = time.monotonic() + 60
            while not run.checkpoint.exists():
                assert time.monotonic() < deadline, "the writer wrote nothing"
                time.sleep(0.001)
            time.sleep(moments.uniform(0, 0.4))
            os.kill(child, signal.SIGKILL)
            assert int(nursery.stdout.readline()) == signal.SIGKILL  # it was still writing
            rounds.append(check(open_run(run.path)))
        nursery.stdin.close()
    assert max(rounds) > min(rounds)
    assert torch.tensor(rounds).float().mean() > 1
