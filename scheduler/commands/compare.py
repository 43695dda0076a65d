"""``smalti compare``: ways to grow beside each other, each over many seeds."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console

from scheduler.commands.progress import counting_bar
from scheduler.comparing.student_teacher import StudentTeacherOptions

if TYPE_CHECKING:
    import pandas as pd

    from scheduler.comparing.folder import ComparisonFolder

CONTROL = {"rule": "random"}


@dataclass(frozen=True)
class Compare:
    """Compare ways to grow, each over many seeds: means with 95 % intervals, and paired differences.

    `smalti compare student-teacher` repeats the student-teacher experiment of the GradMax paper (arXiv 2201.05125):
    small students learn what a teacher answers and get one neuron after another. Published order of the training
    losses: small > random > GradMax > big. Takes minutes on one core; with `--quick` seconds, and shows nothing yet.

    The folder then holds outcomes.parquet (a row a student), curves.parquet, summary.parquet, differences.parquet and
    comparison.svg. The same command into the same folder prints the results again without computing.

    Attributes:
        subject: what to compare: student-teacher.
        out: folder for the results; by default the next free one under runs/.
        student_teacher: size of the student-teacher experiment.
    """

    subject: tyro.conf.Positional[str]
    out: Path | None = None
    student_teacher: Annotated[StudentTeacherOptions, tyro.conf.arg(name="")] = field(
        default_factory=StudentTeacherOptions
    )

    def execute(self) -> None:
        """Compute what is not there yet, then print the results."""
        if self.subject not in SUBJECTS:
            raise ValueError(f"compare {self.subject!r} is unknown; take one of {', '.join(SUBJECTS)}")
        SUBJECTS[self.subject](self)


def compare_students(command: Compare) -> None:
    """The student-teacher experiment."""
    from scheduler.commands.compare_view import print_students  # not above: help need not wait for pandas
    from scheduler.commands.run import next_free
    from scheduler.comparing.folder import open_comparison

    options, console = command.student_teacher.resolved(), Console()
    out = command.out or next_free(Path("runs"), "student-teacher")
    folder = open_comparison(out, options, seed=options.seed, threads=1)
    if not folder.finished:
        folder.write(_student_tables(options, console))
    _draw(folder, console)
    print_students(folder, options, console)


def _student_tables(options: StudentTeacherOptions, console: Console) -> dict[str, pd.DataFrame]:
    from analysis.comparison import differences, summary
    from scheduler.comparing import outcomes, student_teacher

    with counting_bar(console, student_teacher.TOTAL_STEPS) as watch:
        losses = student_teacher.run(options, watch)
    values = outcomes.outcomes(losses, options.optimiser)
    return {
        "outcomes": values,
        "curves": outcomes.curves(losses, options.optimiser),
        "summary": summary(values),
        "differences": differences(values, CONTROL),
    }


def _draw(folder: ComparisonFolder, console: Console) -> None:
    """Draw comparison.svg unless it is there, or say what is missing for it."""
    picture = folder.path / "comparison.svg"
    if picture.exists():
        return
    if importlib.util.find_spec("matplotlib") is None:
        console.print('no picture: that needs matplotlib, pip install "smalti[plot]"', markup=False)
        return
    from analysis.comparison import curve_summary
    from analysis.comparison_picture import draw_comparison
    from analysis.pictures import save_figure

    curves, final = curve_summary(folder.read("curves")), folder.read("summary")
    title = f"{final['experiment'][0]}, {final['setting'][0]}, {final['n'].max()} students of every method"
    save_figure(lambda: draw_comparison(curves, final, title), picture)


SUBJECTS: dict[str, Callable[[Compare], None]] = {"student-teacher": compare_students}
"""What can be compared, by name."""
