"""Runs from their beginning: the folder that they leave, and a process that is left as it was."""

from __future__ import annotations

import json
import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import load
from smalti.scheduler.processor import flushes
from smalti.scheduler.records.checkpoint import load as load_checkpoint
from smalti.scheduler.records.folder import open_run
from smalti.scheduler.records.schema import TABLES
from smalti.scheduler.records.writer import TableWriter
from smalti.scheduler.runner import resume, start
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]
Timeless = Callable[[Path], dict[str, pd.DataFrame]]
StateOf = Callable[[Path], object]
CutShort = Callable[[Config, Path, int], None]


def nothing(simulation: Simulation) -> None:
    """Watch without a word."""


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_run_is_watched_round_by_round_and_leaves_a_whole_folder(tiny: MakeConfig, tmp_path: Path) -> None:
    seen: list[int] = []
    config = replace(tiny(training={"rounds": 9}), run=replace(tiny().run, quick=True, seed=4))
    simulation = start(config, tmp_path / "run", lambda simulation: seen.append(simulation.round))
    assert simulation.finished
    assert seen == [1, 2, 3, 4, 5, 6]  # quick: three rounds a task
    folder = open_run(tmp_path / "run")
    assert load(Config, folder.config) == config.resolved()
    facts = json.loads((folder.path / "environment.json").read_text(encoding="utf-8"))
    assert (facts["seed"], facts["threads"]) == (4, 1)
    assert folder.read("rounds")["round"].tolist() == [0, 1, 2, 3, 4, 5]
    assert folder.read_rows("neurons") == simulation.registry.neurons
    assert folder.read_rows("links") == simulation.registry.links
    assert set(folder.read("bids")["round"]) <= set(range(6))
    assert set(folder.read("evaluations")["after"]) == {-1, 0, 1}
    ports = folder.read("ports")
    assert (ports["used"] <= ports["capacity"]).all()
    assert ports.groupby("round").size().tolist() == [25 * 8] * 6


def test_two_runs_leave_the_same_values_and_the_same_state(
    tiny: MakeConfig, finished_run: Path, tmp_path: Path, timeless: Timeless, state_of: StateOf
) -> None:
    start(tiny(), tmp_path / "again", nothing)
    for name, table in timeless(finished_run).items():
        pd.testing.assert_frame_equal(timeless(tmp_path / "again")[name], table, check_exact=True)
    assert state_of(finished_run) == state_of(tmp_path / "again")


def surroundings() -> dict[str, object]:
    """What a process shares with everything that runs in it."""
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    return {
        "threads": torch.get_num_threads(),
        "denormals": flushes(),
        "dtype": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "filters": list(warnings.filters),
        "signals": {one: signal.getsignal(one) for one in signal.valid_signals()},
        "environment": dict(os.environ),
        "directory": Path.cwd(),
        "errors": np.geterr(),
        "recursion": sys.getrecursionlimit(),
        "handlers": [*logging.getLogger().handlers, *logging.getLogger("smalti").handlers],
        "locale": locale.setlocale(locale.LC_ALL),
        "hooks": (sys.excepthook, threading.excepthook),
        "drawn": (torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()),  # noqa: NPY002
    }


def test_the_process_is_left_as_it_was(tiny: MakeConfig, tmp_path: Path, cut_short: CutShort) -> None:
    """Neither a run, nor one that is stopped and gone on with, changes what others in the process rely on."""
    before = surroundings()
    cut_short(tiny(), tmp_path / "run", 2)
    resume(tmp_path / "run", nothing)
    after = surroundings()
    for name, value in before.items():
        assert after[name] == value, name


def test_nothing_is_drawn_from_the_random_numbers_of_others(tiny: MakeConfig, tmp_path: Path) -> None:
    states = []
    for run in (False, True):
        surroundings()  # seeds them
        if run:
            start(tiny(training={"rounds": 1, "steps": 2}), tmp_path / "run", nothing)
        states.append((torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()))  # noqa: NPY002
    assert states[0] == states[1]


def test_a_taken_folder_is_left_alone(tiny: MakeConfig, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match="is taken; give another folder"):
        start(tiny(), tmp_path, nothing)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    "changes",
    [
        {"stream": {"path": "nowhere.npz"}},
        {"growth": {"rule": "wishful"}},
        {"gating": {"windows": 99}},  # shows in the first round
        {"stream": {"gain": 1e-6}},  # likewise: no seed neuron can be made to fire
    ],
)
def test_what_cannot_be_run_leaves_nothing_behind(
    tiny: MakeConfig, tmp_path: Path, changes: dict[str, dict[str, object]]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        start(tiny(**changes), tmp_path / "run", pytest.fail)
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:this chip has room for 1 of 2 experts")
@pytest.mark.filterwarnings("ignore:this chip has room")
def test_a_run_that_has_to_end_keeps_the_rounds_before_and_says_why(
    tiny: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smalti.scheduler.growth.offers.shared_columns", lambda *_: None)  # too few outputs
    config = tiny(fabric={"cols": 1, "neurons_per_tile": 3}, training={"rounds": 2, "steps": 2})
    with pytest.raises(ValueError, match="no south tile has 2 free slots"):
        start(config, tmp_path / "run", nothing)
    folder = open_run(tmp_path / "run")
    assert folder.read("rounds")["round"].tolist() == [0, 1]
    assert load_checkpoint(folder.checkpoint).facts["round"] == 2
    ended = json.loads(folder.environment.read_text(encoding="utf-8"))["ended"]
    assert ended["round"] == 2
    assert "no south tile has 2 free slots" in ended["reason"]
    with pytest.raises(ValueError, match="no south tile has 2 free slots"):
        resume(folder.path, nothing)


def test_neurons_and_links_are_written_anew_only_when_they_changed(
    tiny: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    rewrite = TableWriter.rewrite
    monkeypatch.setattr(TableWriter, "rewrite", lambda *call: (written.append(call[1]), rewrite(*call)))
    start(tiny(growth={"when": "never"}), tmp_path / "run", nothing)
    assert written == ["neurons", "links"] * 2  # once a task, with its seed


def test_every_table_can_be_read_after_every_round(tiny: MakeConfig, tmp_path: Path) -> None:
    def read(simulation: Simulation) -> None:
        tables = {name: pd.read_parquet(tmp_path / "run" / "tables" / name) for name in TABLES}
        assert len(tables["rounds"]) == simulation.round
        assert len(tables["neurons"]) == len(simulation.registry.neurons)
        assert len(tables["links"]) == len(simulation.registry.links)

    start(tiny(training={"rounds": 2, "steps": 2}), tmp_path / "run", read)
