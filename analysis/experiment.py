"""What an experiment came to: long tables of all its runs, and what follows from them. Draws and prints nothing.

| table | a row is |
| --- | --- |
| outcomes | a measure of one run: variant, stream, setting, seed, metric, value |
| summary | its mean over seeds with the 95 % bootstrap interval |
| differences | the mean difference to a control, paired by seed, with its interval |
| matrices | accuracy of one run on one task after one experience |
| curves | validation accuracy of one run after one round, where runs have it |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from smalti.analysis import comparison
from smalti.analysis.chip import modules
from smalti.analysis.measures import curves
from smalti.analysis.outcomes import RUN, answers, flat, headline, matrix, outcomes
from smalti.analysis.quantities import OF_MODULES, PARTS
from smalti.analysis.runs import Run, load_run
from smalti.scheduler.experiments.options import ANY
from smalti.scheduler.experiments.plan import Experiment
from smalti.scheduler.experiments.trials import Row

Measured = Mapping[str, dict[str, Any]]  # trial -> what ``measure`` gave


def measure_for(experiment: Experiment) -> Callable[[Path], dict[str, Any]]:
    """``measure`` as an experiment wants it: with functional modules where its columns name one of their measures."""
    return partial(measure, of_modules=not set(OF_MODULES).isdisjoint(experiment.options.columns))


def measure(path: Path, of_modules: bool = False) -> dict[str, Any]:
    """The finished run in a folder, as plain values that JSON holds.

    Args:
        path: of the run folder.
        of_modules: with measures of functional modules, for which the network is asked anew.

    Returns:
        ``setting`` that it is judged by, ``answers`` in which it was asked, ``outcomes`` in long form, and ``flat``:
        numbers by name, for a row of a wide table.
    """
    run = load_run(path, keep=True)
    table = outcomes(run)
    if of_modules:
        rows = [(RUN, "", name, value) for name, value in modules.of_run(run).items()]
        table = pd.concat([table, pd.DataFrame(rows, columns=table.columns)], ignore_index=True)
    return {
        "setting": headline(run),
        "answers": answers(run),
        "outcomes": table.to_numpy().tolist(),
        "flat": dict(flat(table, headline(run))),
    }


@dataclass(frozen=True)
class Reading:
    """Under which name a setting of a run stands in the tables."""

    setting: str  # in the tables
    asked: str  # of the run


def readings(
    experiment: Experiment, row: Row, measured: Measured, controls: Mapping[tuple[str, int], str]
) -> list[Reading]:
    """For every setting in which a row stands, which of its run's evaluations are read.

    Args:
        experiment: the experiment.
        row: one of its rows, whose trial is measured.
        measured: what the trials came to.
        controls: (stream, seed) -> trial of the control, whose settings a run in another setting stands beside.
    """
    variant, own = experiment.variants[row.cell.variant], measured[row.trial]["answers"]
    if variant.reads != ANY:
        control = controls.get((row.cell.stream, row.seed), row.trial)
        there = measured.get(control, measured[row.trial])["answers"]
        return [Reading(name, variant.reads) for name in there]
    if variant.answer == "gate":
        return [Reading(name, "gate") for name in own if name != "task"]
    return [Reading(name, name) for name in own]


def tables(
    experiment: Experiment, rows: list[Row], measured: Measured, trials: Path, split: str
) -> dict[str, pd.DataFrame]:
    """All tables of an experiment, from the rows whose trials are measured; empty ones are left out.

    Args:
        experiment: the experiment.
        rows: all of its rows.
        measured: what the trials came to, by name; those that failed are missing.
        trials: folder of the run folders.
        split: validation or test.
    """
    rows = [row for row in rows if row.trial in measured]
    long = _outcomes(experiment, rows, measured, split)
    written = {}
    if experiment.options.control:
        opened = {row.trial: load_run(trials / row.trial, keep=True) for row in rows}
        written["matrices"] = _matrices(experiment, rows, measured, opened, split)
        curved = [row for row in rows if curves.has_curve(opened[row.trial].table("rounds"))]
        if curved:
            written["curves"] = _curves(curved, opened)
            long = pd.concat([long, _against(experiment, curved, measured, opened)], ignore_index=True)
    written["outcomes"] = long
    written["summary"] = comparison.summary(long)
    if experiment.options.control:
        written["differences"] = _differences(experiment, rows, long)
    return written


def _outcomes(experiment: Experiment, rows: list[Row], measured: Measured, split: str) -> pd.DataFrame:
    controls = _controls(experiment, rows)
    parts = []
    for row in rows:
        for reading in readings(experiment, row, measured, controls):
            for setting, of, metric, value in measured[row.trial]["outcomes"]:
                if setting == RUN or (setting == reading.asked and of == split):
                    parts.append((*_place(row), reading.setting, row.seed, metric, value))
    names = ["variant", "stream", "setting", "seed", "metric", "value"]
    return pd.DataFrame(parts, columns=names).drop_duplicates(names[:-1], ignore_index=True)


def _matrices(
    experiment: Experiment, rows: list[Row], measured: Measured, opened: Mapping[str, Run], split: str
) -> pd.DataFrame:
    controls = _controls(experiment, rows)
    parts = []
    for row in rows:
        variant, stream = _place(row)
        for reading in readings(experiment, row, measured, controls):
            table = matrix(opened[row.trial], reading.asked, split)
            where = {"variant": variant, "stream": stream, "setting": reading.setting, "seed": row.seed}
            parts.append(pd.DataFrame({**where, **table}))
    return pd.concat(parts, ignore_index=True)


def _curves(rows: list[Row], opened: Mapping[str, Run]) -> pd.DataFrame:
    """Validation accuracy along every run, smoothed as it is read off."""
    parts = []
    for row in rows:
        (variant, stream), rounds = _place(row), opened[row.trial].table("rounds")
        columns = {"variant": variant, "stream": stream, "seed": row.seed, "step": rounds["step"]}
        parts.append(pd.DataFrame({**columns, "value": curves.validation_curve(rounds)}))
    return pd.concat(parts, ignore_index=True)


def _against(experiment: Experiment, rows: list[Row], measured: Measured, opened: Mapping[str, Run]) -> pd.DataFrame:
    """What needs two runs: steps until level with the first control, and compute until level with a static net."""

    def partners(name: str) -> Iterator[tuple[Row, pd.DataFrame, pd.DataFrame]]:
        by_place = {(_place(row), row.seed): row.trial for row in rows}
        for row in rows:
            other = by_place.get(((experiment.control_of(row.cell, name), row.cell.stream), row.seed))
            if other is not None:
                yield row, opened[row.trial].table("rounds"), opened[other].table("rounds")

    compared = []
    for row, rounds, other in partners(experiment.options.control[0]):
        compared.append((row, "steps_to_control", curves.steps_to_control(rounds, other)))
    if experiment.options.static:
        for row, rounds, other in partners(experiment.options.static):
            compared.append((row, "compute_to_static", curves.compute_to_static(rounds, other)))
    parts = [
        (*_place(row), setting, row.seed, metric, value)
        for row, metric, value in compared
        for setting in measured[row.trial]["answers"]
    ]
    return pd.DataFrame(parts, columns=["variant", "stream", "setting", "seed", "metric", "value"])


def _differences(experiment: Experiment, rows: list[Row], long: pd.DataFrame) -> pd.DataFrame:
    """To every control, in the order of the file, where the control has the measure too."""
    parts = []
    for control in experiment.options.control:
        partners = {row.cell.label: experiment.control_of(row.cell, control) for row in rows}
        parts.append(comparison.differences(long, partners).assign(control_name=control))
    return pd.concat(parts, ignore_index=True)


def _controls(experiment: Experiment, rows: list[Row]) -> dict[tuple[str, int], str]:
    if not experiment.options.control:
        return {}
    first = experiment.options.control[0]
    return {
        (row.cell.stream, row.seed): row.trial
        for row in rows
        if row.cell.label == experiment.control_of(row.cell, first)
    }


def _place(row: Row) -> tuple[str, str]:
    return row.cell.label, row.cell.stream


def parts_of(summary: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """A summary by stream and setting, parts of an answer left out."""
    for (stream, setting), part in summary.groupby(["stream", "setting"], sort=False):
        if setting not in PARTS:
            yield (str(stream), str(setting)), part
