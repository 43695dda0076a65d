"""What ``smalti compare`` prints."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from rich.console import Console
from rich.table import Table

from smalti.analysis.plots.figure import save_figure
from smalti.scheduler.comparing.folder import ComparisonFolder
from smalti.scheduler.comparing.student_growth import METHODS
from smalti.scheduler.comparing.student_teacher import PUBLISHED, STEPS, StudentTeacherOptions

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def print_students(folder: ComparisonFolder, options: StudentTeacherOptions, console: Console) -> None:
    """The tables of the student-teacher experiment, and what to open next."""
    console.print(methods_view())
    console.print(students_view(folder.read("summary"), folder.read("differences"), options))
    console.print(f"\nfolder: {folder.path}", highlight=False, markup=False, soft_wrap=True)
    command = f"""python -c "import pandas as pd; print(pd.read_parquet('{folder.path}/summary.parquet'))\""""
    console.print(f"next:   {command}", highlight=False, markup=False, soft_wrap=True)


def draw(figure: Callable[[], Figure], picture: Path, console: Console) -> None:
    """Draw a picture, or say what is missing for it."""
    if importlib.util.find_spec("matplotlib") is None:
        console.print('no picture: that needs matplotlib, pip install -e ".[plot]"', markup=False)
        return
    save_figure(figure, picture)


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
    names = ("loss", *(["published"] if published else []), f"minus {differences['control_rule'][0]}")
    table.add_column("method", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    apart = {str(row["rule"]): row for _, row in differences.iterrows()}
    digits = 3 if published else 4
    for _, row in summary.iterrows():
        rule = str(row["rule"])
        told = [f"{PUBLISHED[rule]:.3f}" if rule in PUBLISHED else ""] if published else []
        difference = interval(apart[rule], f"+.{digits}f") if rule in apart else ""
        table.add_row(rule, interval(row, f".{digits}f"), *told, difference)
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
    means = summary.set_index("rule")["mean"]
    holds = all(means[worse] > means[better] for worse, better in pairwise(PUBLISHED))
    return f"The published order {' > '.join(PUBLISHED)} {'holds' if holds else 'does not hold'}."


def _values(summary: pd.DataFrame) -> str:
    """Which published values lie inside our intervals."""
    ours = summary.set_index("rule")
    missed = [rule for rule, told in PUBLISHED.items() if not ours["low"][rule] <= told <= ours["high"][rule]]
    verdict = f"lie outside the interval for {', '.join(missed)}" if missed else "lie inside the intervals"
    return f"The published values (one teacher, read off a plot) {verdict}."


def interval(row: pd.Series, form: str) -> str:
    """A mean and its interval in this form."""
    return f"{row['mean']:{form}} [{row['low']:{form}}, {row['high']:{form}}]"
