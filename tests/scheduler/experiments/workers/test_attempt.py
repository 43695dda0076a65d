from __future__ import annotations

import json
import os
import shutil
import signal
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.experiments.folder import ExperimentFolder, Measures
from smalti.scheduler.experiments.plan import Cell
from smalti.scheduler.experiments.trials import Trial
from smalti.scheduler.experiments.workers.attempt import BUSY, ENDED, Job, attempt
from smalti.scheduler.records.atomic import scratch
from smalti.scheduler.records.folder import RunFolder
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]


def measure(path: Path) -> Measures:
    return {"flat": {"accuracy": 0.5}, "parts": RunFolder(path).rounds_done()}


@pytest.fixture
def job(folder: ExperimentFolder) -> Job:
    return Job.mine(folder, measure, "me")


@pytest.fixture
def short(tiny: MakeConfig) -> Config:
    return tiny(training={"rounds": 1, "steps": 2})


def test_a_trial_is_run_measured_and_then_left_alone(job: Job, short: Config) -> None:
    assert attempt(job, Trial("one", short, Cell(), {})) == ENDED
    assert job.folder.measures("one") == {"flat": {"accuracy": 0.5}, "parts": 2, "warnings": ""}
    assert job.folder.finished("one")
    assert job.folder.rounds("one") == 2
    assert job.folder.claimant("one") == {"by": "me", "host": os.uname().nodename, "pid": os.getpid(), "rounds": 0}
    before = (job.folder.trials / "one" / "measures.json").stat().st_mtime_ns
    assert attempt(job, Trial("one", short, Cell(), {})) == ENDED
    assert (job.folder.trials / "one" / "measures.json").stat().st_mtime_ns == before


def test_an_error_is_written_down_and_not_tried_again(job: Job, tiny: MakeConfig, short: Config) -> None:
    assert attempt(job, Trial("bad", tiny(fabric={"neurons_per_tile": 2}), Cell(), {})) == ENDED
    assert job.folder.error("bad").startswith("FabricError: 2 classes need more output slots")
    assert "Traceback" in (job.folder.path / "errors" / "bad").read_text()
    assert attempt(job, Trial("bad", short, Cell(), {})) == ENDED
    assert not job.folder.begun("bad")
    job.folder.forget_error("bad")
    attempt(job, Trial("bad", short, Cell(), {}))
    assert job.folder.finished("bad")


def test_a_trial_on_other_data_under_the_same_path_fails_and_can_be_tried_again(
    job: Job, tiny: MakeConfig, blobs: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data.npz"
    shutil.copy(blobs, data)
    with np.load(blobs) as file:
        arrays = {name: file[name] for name in file.files}

    def trial(seed: int) -> Trial:
        config = tiny(training={"rounds": 1, "steps": 2}, stream={"path": str(data)})
        return Trial(f"seed{seed}", replace(config, run=replace(config.run, seed=seed)), Cell(), {})

    attempt(job, trial(0))
    np.savez(data, **arrays | {"y": np.roll(arrays["y"], 1)})
    attempt(job, trial(1))
    assert job.folder.error("seed1").startswith("OtherDataError: its data is not what other trials")
    assert not job.folder.begun("seed1")
    shutil.copy(blobs, data)
    job.folder.forget_error("seed1")
    attempt(job, trial(1))
    assert job.folder.finished("seed1")


def test_changed_versions_are_noted_once(job: Job) -> None:
    assert job.folder.note_environment() == []
    file = job.folder.path / "environment.json"
    facts = json.loads(file.read_text())
    file.write_text(json.dumps({**facts, "python": "2.7"}))
    assert job.folder.note_environment() == [f"python {facts['python']} instead of 2.7"]
    assert job.folder.note_environment() == []
    assert json.loads(file.read_text())["resumed"][0]["trials"] == 0


def test_what_a_run_warns_of_is_kept(job: Job, tiny: MakeConfig) -> None:
    attempt(job, Trial("one", tiny(training={"rounds": 1, "steps": 2}, stream={"steps": 8}), Cell(), {}))
    assert "8 time steps are few" in str(job.folder.measures("one")["warnings"])


def scratch_of(process: int, path: Path) -> Path:
    """The name that a process gives what it makes at ``path``, half made."""
    return path.with_name(scratch(path).name.replace(f".{os.getpid()}.", f".{process}."))


def test_a_trial_that_another_process_holds_is_left_to_it(job: Job, short: Config) -> None:
    """Until that process is killed: then the claim is free, and what it left half made is gone."""
    ready = job.folder.path / "ready"
    child = os.fork()
    if child == 0:
        with job.folder.claim("one", "other") as mine:
            ready.write_text(str(mine))
            time.sleep(60)
        os._exit(0)
    try:
        while not ready.exists():
            time.sleep(0.01)
        (scratch_of(child, job.folder.trials / "one") / "tables").mkdir(parents=True)
        assert job.folder.claimed("one")
        assert attempt(job, Trial("one", short, Cell(), {})) == BUSY
        assert job.folder.claimant("one")["by"] == "other"
        assert not job.folder.begun("one")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert not job.folder.claimed("one")
    assert attempt(job, Trial("one", short, Cell(), {})) == ENDED
    assert job.folder.finished("one")
    assert [path.name for path in job.folder.trials.iterdir()] == ["one"]


def test_simulations_do_not_stay_in_memory(job: Job, short: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[weakref.ref[Simulation]] = []
    make = Simulation.__init__

    def watched(self: Simulation, *given: object, **named: object) -> None:
        make(self, *given, **named)  # type: ignore[arg-type]
        alive.append(weakref.ref(self))

    monkeypatch.setattr(Simulation, "__init__", watched)
    attempt(job, Trial("one", short, Cell(), {}))
    assert [reference() for reference in alive] == [None]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ValueError, match="is taken by something that is no experiment"):
        ExperimentFolder(tmp_path).make("")
    folder = ExperimentFolder(tmp_path / "new").make("one")
    folder.make("two")
    assert (folder.path / "experiment.toml").read_text() == "two"


def test_what_follows_a_failed_run_is_told_so(job: Job, short: Config) -> None:
    job.folder.keep_error("leader", "ValueError: no luck")
    assert attempt(job, Trial("one", short, Cell(), {}, leader="leader")) == ENDED
    assert job.folder.error("one") == "ValueError: the run that it follows failed (leader)"
    assert not job.folder.begun("one")
