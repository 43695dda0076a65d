"""``smalti compare student-teacher``: the student-teacher experiment of GradMax in tables and a picture."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from smalti.analysis.comparison import curve_summary, differences, summary
from smalti.scheduler.commands.printing.progress import counting_bar
from smalti.scheduler.commands.stopping import advising
from smalti.scheduler.configuration.config_io import differences as unlike
from smalti.scheduler.configuration.config_io import dump, load
from smalti.scheduler.experiments.folder import ExperimentFolder
from smalti.scheduler.experiments.students import student_teacher
from smalti.scheduler.experiments.students.student_growth import METHODS, Floats
from smalti.scheduler.experiments.students.student_teacher import PUBLISHED, STEPS, StudentTeacherOptions
from smalti.scheduler.records.atomic import write_text_atomic
from smalti.scheduler.records.environment import environment
from smalti.scheduler.records.pasted import reading
from smalti.scheduler.records.reserved import reserved

CONTROL = "random"
TABLES = ("outcomes", "curves", "summary", "differences")  # the last one is written last
STRIDE = 10  # steps between two rows of a curve


def compare(options: StudentTeacherOptions, out: Path | None) -> None:
    """Compute what is not there yet, then print the results.

    Args:
        options: as resolved.
        out: folder for the results; by default the next free one under runs/.

    Raises:
        ValueError: memory cannot hold the students; the folder holds something else, or the experiment with other
            settings.
    """
    student_teacher.check_memory(options)
    with nullcontext(out) if out else reserved(Path("runs"), "student-teacher") as path:
        _compare(options, _folder(path, options), Console())


def _compare(options: StudentTeacherOptions, folder: ExperimentFolder, console: Console) -> None:
    if not (folder.path / f"{TABLES[-1]}.parquet").exists():
        with advising(lambda: f"nothing of {folder.path} is kept; the same command begins again"):
            _compute(folder, options, console)
    tables = {name: pd.read_parquet(folder.path / f"{name}.parquet") for name in TABLES}
    picture = folder.path / "curves.svg"
    if not picture.exists() and importlib.util.find_spec("matplotlib") is not None:
        _draw(tables, picture)
    console.print(methods_view())
    console.print(students_view(tables["summary"], tables["differences"], options))
    console.print(f"\nfolder: {folder.path}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"next:   {reading(folder.path / 'summary.parquet')}", highlight=False, markup=False, soft_wrap=True)


def _folder(path: Path, options: StudentTeacherOptions) -> ExperimentFolder:
    file, advice = path / "experiment.toml", "give another --out, or delete that folder"
    if file.exists():
        try:
            changed = unlike(load(StudentTeacherOptions, file), options)
        except ValueError as error:
            raise ValueError(f"{path} holds another experiment ({error}); {advice}") from error
        if changed:
            there = ", ".join(changed)
            raise ValueError(f"{path} holds this experiment with other settings (of {there}); {advice}")
        return ExperimentFolder(path)
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise ValueError(f"{path} is taken; {advice}")
    path.mkdir(parents=True, exist_ok=True)
    write_text_atomic(file, dump(options))
    write_text_atomic(path / "environment.json", json.dumps(environment(options.seed, 1), indent=2) + "\n")
    return ExperimentFolder(path)


def _compute(folder: ExperimentFolder, options: StudentTeacherOptions, console: Console) -> None:
    with counting_bar(console, student_teacher.TOTAL_STEPS) as watch:
        losses = student_teacher.run(options, watch)
    outcomes = long_table(losses, [-1], options.optimiser).drop(columns="step")
    curves = long_table(losses, range(0, len(next(iter(losses.values()))), STRIDE), options.optimiser)
    apart = differences(outcomes, dict.fromkeys(METHODS, CONTROL))
    folder.write({"outcomes": outcomes, "curves": curves, "summary": summary(outcomes), "differences": apart})


def long_table(losses: Mapping[str, Floats], steps: Iterable[int], optimiser: str) -> pd.DataFrame:
    """Training loss of every student after some steps: variant, stream, setting, seed, metric, step and value.

    Args:
        losses: [steps + 1, S] of every method.
        steps: which of them.
        optimiser: the setting.
    """
    chosen = np.array(list(steps))
    parts = []
    for rule, values in losses.items():
        step, seed = np.meshgrid(chosen, np.arange(values.shape[1]), indexing="ij")
        columns = {
            "variant": rule,
            "stream": "student-teacher",
            "setting": optimiser,
            "seed": seed.ravel(),
            "metric": "training_loss",
            "step": step.ravel(),
            "value": values[chosen].ravel(),
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def _draw(tables: Mapping[str, pd.DataFrame], picture: Path) -> None:
    from smalti.analysis.plots.drawing.figure import save_figure
    from smalti.analysis.plots.student_teacher import draw_student_teacher

    curves, final = curve_summary(tables["curves"]), tables["summary"]
    title = f"student-teacher, {final['setting'][0]}, {final['n'].max()} students of every method"
    save_figure(lambda: draw_student_teacher(curves, final, title), picture)


def methods_view() -> Table:
    """What the methods are."""
    table = Table("method", "hidden neurons", "what a birth keeps", "source", title="methods", title_justify="left")
    for name, method in METHODS.items():
        width = f"{method.start} to {method.start + method.births}" if method.births else f"{method.start}"
        table.add_row(name, width, method.keeps, method.source)
    return table


def students_view(summary: pd.DataFrame, differences: pd.DataFrame, options: StudentTeacherOptions) -> Table:
    """Final training loss of every method beside the published one, and its paired difference to the control."""
    title = f"training loss after {STEPS:,} steps, {options.optimiser}"
    table = Table(title=title, title_justify="left", caption=caption(summary, options), caption_justify="left")
    published = options.optimiser == "sgd"
    names = ("loss", *(["published"] if published else []), f"minus {differences['control'].iloc[0]}")
    table.add_column("method", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    apart = {str(row["variant"]): row for _, row in differences.iterrows()}
    digits = 3 if published else 4
    for _, row in summary.iterrows():
        rule = str(row["variant"])
        published_cell = [f"{PUBLISHED[rule]:.3f}" if rule in PUBLISHED else ""] if published else []
        difference = interval(apart[rule], f"+.{digits}f") if rule in apart else ""
        table.add_row(rule, interval(row, f".{digits}f"), *published_cell, difference)
    return table


def caption(summary: pd.DataFrame, options: StudentTeacherOptions) -> str:
    """How the numbers were got, and how far they agree with the published ones."""
    students = f"{options.teachers * options.seeds} students ({options.teachers} teachers, {options.seeds} of each)"
    said = [f"Mean of {students} and its 95 % bootstrap interval; differences are paired."]
    if options.teachers < 16:
        said.append("Fewer than 16 teachers show nothing.")
    if options.optimiser == "sgd":
        said += [_order(summary), _values(summary)]
    return " ".join(said)


def _order(summary: pd.DataFrame) -> str:
    means = summary.set_index("variant")["mean"]
    holds = all(means[worse] > means[better] for worse, better in pairwise(PUBLISHED))
    return f"The published order {' > '.join(PUBLISHED)} {'holds' if holds else 'does not hold'}."


def _values(summary: pd.DataFrame) -> str:
    """Which published values lie inside our intervals."""
    ours = summary.set_index("variant")
    missed = [rule for rule, norm in PUBLISHED.items() if not ours["low"][rule] <= norm <= ours["high"][rule]]
    verdict = f"lie outside the interval for {', '.join(missed)}" if missed else "lie inside the intervals"
    return f"The published values (one teacher, read off a plot) {verdict}."


def interval(row: pd.Series, form: str) -> str:
    """A mean and its interval in this form."""
    return f"{row['mean']:{form}} [{row['low']:{form}}, {row['high']:{form}}]"
