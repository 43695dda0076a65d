"""The folder of an experiment, which many processes may share. Knows not how trials are chosen, nor who runs them.

OUT/experiment.toml   its file
OUT/trials/NAME/      a run folder for each trial, with measures.json once it is finished
OUT/claims/NAME       locked by the process that runs the trial; says which
OUT/data.json         fingerprint of the data that trials heard, by what of their configurations it depends on
OUT/environment.json  versions and commit, and when they changed
OUT/errors/NAME       the error of a trial that failed; the last line says it in short
OUT/trials.parquet    a row a trial, at any time
OUT/TABLE.parquet     outcomes and what follows from them, once all has ended; table.md and pictures beside them
OUT/optuna.journal    what an adaptive search knows

A claim is a lock of the operating system: it ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from smalti.scheduler.records.atomic import clear_scratch, write_bytes_atomic, write_text_atomic
from smalti.scheduler.records.environment import changes, environment, note_changes
from smalti.scheduler.records.folder import RunFolder

MEASURES = "measures.json"
Measures = dict[str, Any]  # what a finished trial came to: "flat" has numbers by name


class OtherDataError(ValueError):
    """A trial heard other data than those before it."""


@dataclass(frozen=True)
class ExperimentFolder:
    """The folder of an experiment; ``make`` makes what is missing."""

    path: Path

    @property
    def trials(self) -> Path:
        """Where the run folders are."""
        return self.path / "trials"

    @property
    def table(self) -> Path:
        """A row a trial."""
        return self.path / "trials.parquet"

    @property
    def journal(self) -> Path:
        """What an adaptive search knows."""
        return self.path / "optuna.journal"

    def make(self, text: str) -> ExperimentFolder:
        """Make it, or find it, and keep the text of the experiment's file in it.

        Raises:
            ValueError: there is something else, or its name cannot be printed.
        """
        if not self.path.absolute().name.isprintable():
            raise ValueError(f"{self.path.name!r} has characters that cannot be printed; give another --out")
        ours = (self.path / "claims").is_dir()
        if self.path.exists() and not ours and (not self.path.is_dir() or any(self.path.iterdir())):
            raise ValueError(f"{self.path} is taken by something that is no experiment; give another --out")
        for name in ("claims", "trials", "errors"):
            (self.path / name).mkdir(parents=True, exist_ok=True)
            clear_scratch(self.path / name)
        with self.hold("experiment.toml"):
            clear_scratch(self.path)
            write_text_atomic(self.path / "experiment.toml", text)
        return self

    def write(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Write or replace tables, each whole or not at all."""
        for name, table in tables.items():
            sink = io.BytesIO()
            table.to_parquet(sink, index=False)
            with self.hold(f"{name}.parquet"):
                write_bytes_atomic(self.path / f"{name}.parquet", sink.getbuffer())

    def finished(self, name: str) -> bool:
        """Whether a trial was run to its end and measured."""
        return (self.trials / name / MEASURES).exists()

    def ended(self, name: str) -> bool:
        """Whether a trial was finished or has failed."""
        return self.finished(name) or (self.path / "errors" / name).exists()

    def begun(self, name: str) -> bool:
        """Whether there is something of a trial."""
        return (self.trials / name).exists()

    def rounds(self, name: str) -> int:
        """Rounds that a trial has finished."""
        return RunFolder(self.trials / name).rounds_done()

    def measures(self, name: str) -> Measures:
        """What a finished trial came to."""
        return dict(json.loads((self.trials / name / MEASURES).read_text(encoding="utf-8")))

    def keep_measures(self, name: str, measures: Measures) -> None:
        """Write down what a finished trial came to."""
        write_text_atomic(self.trials / name / MEASURES, json.dumps(measures, indent=1) + "\n")

    def error(self, name: str) -> str:
        """Why a trial failed, in one line; empty if it has not."""
        try:
            lines = (self.path / "errors" / name).read_text(encoding="utf-8").strip().splitlines()
        except FileNotFoundError:
            return ""
        return lines[-1] if lines else "unknown"

    def keep_error(self, name: str, text: str) -> None:
        """Write down why a trial failed."""
        write_text_atomic(self.path / "errors" / name, text.strip() + "\n")

    def forget_error(self, name: str) -> None:
        """Let a trial that failed be tried again."""
        (self.path / "errors" / name).unlink(missing_ok=True)

    def check_data(self, key: str, fingerprint: str) -> None:
        """Note what the data of a kind of trials is, or compare it with what the first of them heard.

        Raises:
            OtherDataError: it is other data.
        """
        file = self.path / "data.json"
        with self.hold(file.name):
            known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
            if known.setdefault(key, fingerprint) != fingerprint:
                raise OtherDataError(
                    "its data is not what other trials of this folder have heard, and their tables must not be mixed: "
                    "set the data back and --retry, or give another --out"
                )
            write_text_atomic(file, json.dumps(known, indent=1) + "\n")

    def note_environment(self) -> list[str]:
        """Keep what the trials to come are made with; what of it is other than before, in words."""
        file = self.path / "environment.json"
        with self.hold(file.name):
            if not file.exists():
                write_text_atomic(file, json.dumps(environment(seed=0, threads=0), indent=2) + "\n")
            found = changes(file)
            if found:
                note_changes(file, trials=len(list(self.trials.glob(f"*/{MEASURES}"))))
        return found

    @contextmanager
    def claim(self, name: str, by: str) -> Iterator[bool]:
        """Hold a trial, if nobody else does; says whether it is held.

        Args:
            name: the trial.
            by: who asks, such as the command that started this process.
        """
        with open(self.path / "claims" / name, "a+") as file:
            if not _lock(file.fileno()):
                yield False
                return
            file.truncate(0)
            holder = {"by": by, "host": platform.node(), "pid": os.getpid(), "rounds": self.rounds(name)}
            file.write(json.dumps(holder) + "\n")
            file.flush()
            yield True

    def claimed(self, name: str) -> bool:
        """Whether a process holds a trial."""
        try:
            with open(self.path / "claims" / name, "r+b") as file:
                return not _lock(file.fileno())
        except FileNotFoundError:
            return False

    def claimant(self, name: str) -> dict[str, object]:
        """Who claimed a trial last: by, host, pid, and how many rounds it had then; empty if nobody did."""
        try:
            return dict(json.loads((self.path / "claims" / name).read_text(encoding="utf-8")))
        except (FileNotFoundError, json.JSONDecodeError):  # or it is being written
            return {}

    @contextmanager
    def hold(self, what: str, patience: float = 60.0) -> Iterator[None]:
        """Wait for something that one process at a time may do, and do it.

        Raises:
            ValueError: another one takes too long.
        """
        with open(self.path / f".{what}.lock", "a") as file:
            _wait(lambda: _lock(file.fileno()), f"{self.path / what} is in use by another process", patience)
            yield


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(until: Callable[[], bool], problem: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while not until():
        if time.monotonic() > deadline:
            raise ValueError(f"{problem}; waited {patience:.0f} s")
        time.sleep(0.02)
