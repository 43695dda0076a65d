"""The state of an experiment, read from its folder, and ``trials.parquet``: a row a trial, from the first moment on.

| column | meaning |
| --- | --- |
| trial | name of the trial and of its folder |
| status | done, failed, begun or waiting |
| error | why it failed, in one line |
| number | its number in an adaptive search |
| stream, variant | where the file names some |
| fields that vary | under their dotted names, as resolved |
| measures | numbers of trials that are done; of others null |
| warnings | what the run warned of |
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping

import pandas as pd

from smalti.scheduler.experiments.folder import ExperimentFolder, Measures
from smalti.scheduler.experiments.trials import Trial

DONE, FAILED, BEGUN, WAITING = STATUSES = ("done", "failed", "begun", "waiting")
REST = 2.0  # seconds between two versions of the table
Known = Callable[[], Mapping[str, Trial]]  # trials known by now; there are more and more in an adaptive search


class State:
    """How far an experiment has come."""

    def __init__(self, folder: ExperimentFolder, known: Known, total: int) -> None:
        self.folder = folder
        self.known = known
        self.total = total
        self.trials: Mapping[str, Trial] = {}
        self.status: dict[str, str] = {}
        self.measures: dict[str, Measures] = {}
        self.errors: dict[str, str] = {}
        self.order: list[str] = []  # of ending
        self._written = 0.0

    def look(self) -> bool:
        """Read what has changed; says whether anything has."""
        before = dict(self.status)
        self.trials = self.known()
        for name in self.trials:
            if self.status.get(name) not in (DONE, FAILED):
                self.status[name] = self._look_at(name)
                if self.status[name] in (DONE, FAILED):
                    self.order.append(name)
        return self.status != before

    def _look_at(self, name: str) -> str:
        if self.folder.finished(name):
            self.measures[name] = self.folder.measures(name)
            return DONE
        if error := self.folder.error(name):
            self.errors[name] = error
            return FAILED
        return BEGUN if self.folder.begun(name) else WAITING

    def count(self, status: str) -> int:
        """Trials of a status."""
        return Counter(self.status.values())[status]

    @property
    def ended(self) -> int:
        """Trials that are over."""
        return self.count(DONE) + self.count(FAILED)

    def named(self, status: str) -> list[str]:
        """Names of the trials of a status."""
        return [name for name, its in self.status.items() if its == status]

    def write(self, at_once: bool = False) -> None:
        """Write the table, unless that was done a moment ago."""
        if at_once or time.monotonic() - self._written > REST:
            self.folder.write({"trials": self.table()})
            self._written = time.monotonic()

    def finished(self) -> pd.DataFrame:
        """The rows of the trials that are done."""
        table = self.table()
        return table[table["status"] == DONE]

    def table(self) -> pd.DataFrame:
        """A row for each trial, in the order of the experiment."""
        rows = [self._row(name, trial) for name, trial in self.trials.items()]
        numbers = list(dict.fromkeys(name for measures in self.measures.values() for name in measures["flat"]))
        fields = list(dict.fromkeys(field for trial in self.trials.values() for field in trial.values))
        searched = ["number"] if any(trial.number >= 0 for trial in self.trials.values()) else []
        named = [name for name in ("stream", "variant") if any(row[name] for row in rows)]
        columns = ["trial", "status", "error", *searched, *named, *fields, *numbers, "warnings"]
        return pd.DataFrame(rows, columns=columns)

    def _row(self, name: str, trial: Trial) -> dict[str, object]:
        measures = self.measures.get(name, {"flat": {}, "warnings": ""})
        return {
            "trial": name,
            "status": self.status[name],
            "error": self.errors.get(name, ""),
            "number": trial.number,
            "stream": trial.cell.stream,
            "variant": trial.cell.variant,
            "warnings": measures["warnings"],
            **trial.values,
            **measures["flat"],
        }
