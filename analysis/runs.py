"""Opens the folders of runs, one or many. Knows their layout, not what is in their tables."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from smalti.analysis.fields import frozen, varied
from smalti.analysis.outcomes import accuracy, last_answers, last_parts, overall
from smalti.analysis.quantities import METRICS, SETTING_NAMES
from smalti.analysis.soundness import check_table, read_facts, sound_config
from smalti.analysis.units import score_name
from smalti.scheduler.configuration.config_io import read_toml
from smalti.scheduler.configuration.old_names import renewed
from smalti.scheduler.records import snapshots
from smalti.scheduler.records.schema import SCHEMA_VERSION

FILES = ("config.toml", "environment.json")  # what makes a folder that of a run
TRIALS = "trials"  # where comparisons and sweeps keep their runs


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run folder; tables are read when asked for, so those of a run that goes on are up to date.

    With ``kept`` a table that has been read stays in memory: for finished runs, of which many numbers are wanted.
    """

    path: Path
    config: dict[str, Any]  # config.toml as resolved, section -> field -> value
    environment: dict[str, Any]  # versions, seed, commit
    cache: dict[str, pd.DataFrame] | None = None  # tables read so far; None keeps none

    def __repr__(self) -> str:
        """Where, what and how far, in one line."""
        return f"<Run {self.path}: {'; '.join(self._facts())}>"

    def _repr_html_(self) -> str:
        """The same and the summary, for notebooks."""
        facts = [html.escape(fact) for fact in (str(self.path), *self._facts())]
        table = self.summary().to_html(border=0) if self._rounds() else ""
        return f"<p><b>{facts[0]}</b><br>{'; '.join(facts[1:])}</p>{table}"

    def summary(self) -> pd.DataFrame:
        """What the run came to so far: accuracies on the test set, and what the chip spends.

        >>> import smalti
        >>> summary = smalti.run("digits", quick=True, rounds=1, out="summary").summary()
        >>> int(summary.loc["sides", "value"])
        6144

        Returns:
            Index ``measure``, columns ``value`` (accuracies as shares) and ``meaning``.

        Raises:
            ValueError: no round is finished yet.
        """
        rows = [
            (f"{score_name(self)}, {SETTING_NAMES[setting]}", accuracy(self, setting, "test"), "accuracy")
            for setting in [*last_answers(self), *last_parts(self)]
        ]
        rows += [(name, value, name) for name, value in overall(self, "test").items() if name != "accuracy"]
        columns = ["measure", "value", "meaning"]
        table = pd.DataFrame(rows, columns=columns).set_index("measure")
        return table.assign(meaning=[METRICS[name].meaning for name in table["meaning"]])

    @overload
    def predict(self, x: Any, task: int | None = None, details: Literal[False] = False) -> NDArray[Any]: ...

    @overload
    def predict(self, x: Any, task: int | None = None, *, details: Literal[True]) -> pd.DataFrame: ...

    def predict(self, x: Any, task: int | None = None, details: bool = False) -> NDArray[Any] | pd.DataFrame:
        """Classes of new samples [S], or outputs at every step [S, T, O], by the network as the last round left it.

        Outputs are what a run gives whose samples ask for targets at single steps.

        >>> import numpy, smalti
        >>> run = smalti.run("digits", quick=True, rounds=1, out="predict")
        >>> x = numpy.random.default_rng(0).random((3, 64))
        >>> run.predict(x).shape
        (3,)
        >>> list(run.predict(x, details=True).columns)
        ['class', 'name', 'expert', 'spikes']

        Args:
            x: [samples, features] or [samples, time, channels] in 0..1, as the run's data before it was pooled.
            task: the task that all of them belong to; None leaves the choice of the expert to the gating network.
            details: also who answered and how many spikes it took: a table, one row a sample.

        Raises:
            ValueError: samples that are unfit, a task that does not exist, or a run without a finished round.
        """
        from smalti.analysis.prediction import answers  # not above: tables can be read without torch

        answer = answers(self, x, task)
        if details:
            return answer
        return answer["class"].to_numpy() if "class" in answer else np.stack(answer["outputs"].tolist())

    def _rounds(self) -> int:
        """Rounds that are finished."""
        return len(self.table("rounds")) if "rounds" in self.tables else 0

    def _facts(self) -> list[str]:
        """Stream and setting, rounds, and what the last of them left."""
        stream, rounds = self.config["stream"], self._rounds()
        planned = self.environment.get("experiences", 0) * self.config["training"]["rounds"]
        facts = [f"{stream['name']}, setting {stream['setting']}", f"{rounds} of {planned or '?'} rounds"]
        if rounds:
            last = self.table("rounds").iloc[-1]
            facts.append(f"{int(last['neurons'])} neurons, {int(last['wires'])} wires")
        return facts

    @property
    def moments(self) -> tuple[int, ...]:
        """Rounds of which it has a snapshot (``run.snapshots``), in order."""
        return tuple(snapshots.kept(self.path))

    def at(self, number: int) -> Run:
        """The run as it was after one of its ``moments``: a run like any other, to be asked and drawn like any other.

        Raises:
            ValueError: it has no snapshot of this round.
        """
        kept = snapshots.kept(self.path)
        if number not in kept:
            had = f"of the rounds {', '.join(map(str, kept))}" if kept else "none: run.snapshots keeps them"
            raise ValueError(f"{self.path} has no snapshot of round {number}; it has {had}")
        return load_run(kept[number], keep=self.cache is not None)

    @property
    def steps(self) -> int:
        """Time steps of a sample; 0 where the run does not say, as older ones that leave them to the stream."""
        return int(self.environment.get("steps", self.config["stream"].get("steps", 0)))

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that have been written so far."""
        folders = (self.path / "tables").iterdir() if (self.path / "tables").is_dir() else ()
        return tuple(sorted(f.name for f in folders if any(f.glob("*.parquet"))))

    def table(self, name: str) -> pd.DataFrame:
        """A whole table, all its parts in order.

        Raises:
            ValueError: the run has no such table (yet), or a part of it is damaged.
        """
        if self.cache is not None and name in self.cache:
            return self.cache[name]
        if name not in self.tables:
            raise ValueError(f"{self.path} has no table {name!r}; it has {list(self.tables)}")
        folder = self.path / "tables" / name
        try:
            table = pd.read_parquet(folder)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{_damaged_part(folder)} is damaged: {error}") from error
        check_table(name, table, folder, self.environment.get("schema_version", 0))
        if self.cache is not None:
            self.cache[name] = table
        return table


def load_run(path: Path | str, keep: bool = False) -> Run:
    """Open the run folder at ``path``; ``keep`` keeps its tables in memory once they have been read.

    Raises:
        ValueError: there is no such folder, it is not that of a run, a file in it is damaged, or a newer version of
            smalti wrote it.
    """
    path = Path(path)
    if not path.is_dir():
        raise ValueError(f"{path} is no folder; give the folder of a run")
    missing = [name for name in FILES if not (path / name).is_file()]
    if missing:
        raise ValueError(f"{path} is no run folder: it lacks {' and '.join(missing)}")
    config, environment = path / "config.toml", path / "environment.json"
    try:
        resolved = renewed(read_toml(config))
    except ValueError as error:
        raise ValueError(f"{config} is damaged: {error}") from error
    resolved = sound_config(resolved, config)
    facts = read_facts(environment)
    version = facts.get("schema_version", 0)
    if version > SCHEMA_VERSION:
        raise ValueError(
            f"{path} was written with schema {version}, this smalti knows {SCHEMA_VERSION} at most; update it"
        )
    return Run(path=path, config=resolved, environment=facts, cache={} if keep else None)


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Several runs; any table of all of them is one long table."""

    runs: Mapping[str, Run]  # by name
    varied: tuple[str, ...]  # dotted names of the configuration fields in which they differ

    def __len__(self) -> int:
        """Number of runs."""
        return len(self.runs)

    def __iter__(self) -> Iterator[tuple[str, Run]]:
        """Name and run, in order."""
        return iter(self.runs.items())

    def settings(self) -> pd.DataFrame:
        """One row a run: column ``run``, then the fields in which they differ; None where a run knows no such field."""
        return pd.DataFrame([{"run": name, **self._values(run)} for name, run in self], columns=["run", *self.varied])

    def table(self, name: str) -> pd.DataFrame:
        """A table of all runs: column ``run``, then the fields in which they differ, then the table's own columns.

        Runs without this table (older ones) have no rows; columns that a run does not have are empty there.

        Raises:
            ValueError: no run has such a table, or a part of one is damaged.
        """
        parts = []
        for run_name, run in self:
            if name in run.tables:
                table = run.table(name)
                labels = {"run": run_name, **self._values(run)}
                # as objects, for pandas would spread tuples over the rows
                columns = {key: pd.Series([value] * len(table), table.index) for key, value in labels.items()}
                parts.append(pd.concat([pd.DataFrame(columns, index=table.index), table], axis=1))
        if not parts:
            there = sorted({table for _, run in self for table in run.tables})
            raise ValueError(f"none of the {len(self)} runs has a table {name!r}; they have {there}")
        filled = [part for part in parts if len(part)] or parts[:1]
        return pd.concat(filled, ignore_index=True)

    def results(self, split: str = "validation") -> pd.DataFrame:
        """A row a run that has finished a round: ``run``, the fields in which they differ, then its measures.

        Args:
            split: validation or test; choices are made on validation data.

        Raises:
            ValueError: none has finished a round.
        """
        rows = [{"run": name, **overall(run, split)} for name, run in self if not run.table("rounds").empty]
        if not rows:
            raise ValueError(f"none of the {len(self)} runs has finished a round")
        table = pd.DataFrame(rows)
        return self.settings().merge(table[["run", *(name for name in METRICS if name in table)]], on="run")

    def _values(self, run: Run) -> dict[str, Any]:
        fields = frozen(run.config)
        return {name: fields.get(name) for name in self.varied}


def load_runs(paths: Path | str | Iterable[Path | str], keep: bool = False) -> Runs:
    """Open many run folders.

    Args:
        paths: run folders, or folders that contain run folders, such as ``trials`` of a comparison or a sweep; the
            folder of the comparison itself will do.
        keep: keep tables in memory once they have been read.

    Returns:
        The runs, named by their folders; where two folders have the same name, by their paths from where these part.

    Raises:
        ValueError: as ``load_run``; a folder holds no run; or one is given twice.
    """
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    folders = [folder for path in given for folder in _run_folders(Path(path))]
    if not folders:
        raise ValueError("no folder is given; give run folders, or folders that contain some")
    if twice := sorted({str(f) for f in folders if folders.count(f) > 1}):
        raise ValueError(f"{', '.join(twice)} is given twice")
    runs = dict(zip(_names(folders), (load_run(folder, keep) for folder in folders), strict=True))
    return Runs(runs=runs, varied=varied(run.config for run in runs.values()))


def _run_folders(path: Path) -> list[Path]:
    """The folder itself if it is that of a run, else those in it, else those in its ``trials``."""
    if not path.is_dir():
        raise ValueError(f"{path} is no folder; give the folder of a run, or one that contains run folders")
    if _is_run(path):
        return [path]
    for place in (path, path / TRIALS):
        inside = sorted(p for p in place.iterdir() if _is_run(p)) if place.is_dir() else []
        if inside:
            return inside
    raise ValueError(f"{path} is no run folder (it lacks {' and '.join(FILES)}) and contains none")


def _is_run(path: Path) -> bool:
    return not path.name.startswith(".") and all((path / name).is_file() for name in FILES)


def _names(folders: list[Path]) -> list[str]:
    names = [folder.name for folder in folders]
    if len(set(names)) == len(names):
        return names
    whole = [folder.absolute() for folder in folders]
    common = os.path.commonpath(whole)
    return [str(folder.relative_to(common)) for folder in whole]


def _damaged_part(folder: Path) -> Path:
    """The first part of a table that cannot be read; the folder where each can by itself."""
    for part in sorted(folder.glob("*.parquet")):
        try:
            pd.read_parquet(part)
        except (pa.ArrowException, OSError):
            return part
    return folder
