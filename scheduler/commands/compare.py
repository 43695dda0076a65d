"""``smalti compare``: ways to grow beside each other, each over many seeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console

from smalti.scheduler.commands.progress import counting_bar
from smalti.scheduler.comparing.student_teacher import StudentTeacherOptions

if TYPE_CHECKING:
    import pandas as pd

    from smalti.scheduler.comparing.folder import ComparisonFolder

CONTROL = {"rule": "random"}
STUDENTS = "student-teacher"
PICTURE = "comparison.svg"


@dataclass(frozen=True)
class Compare:
    """Compare ways to grow, each over many seeds: means with 95 % intervals, and paired differences.

    `smalti compare growth.toml` runs growth rules on the chip, at every placement and timing that the file names, with
    their controls: as many neurons placed at random, a net of the final size from the beginning, the same with equal
    compute, the same births with another initialisation. `benchmarks/growth.toml` is such a file; every run is a
    folder under OUT/trials. Uses every core, and goes on where it was stopped; with more seeds or rules in the file
    it runs what is missing.

    `smalti compare student-teacher` repeats the student-teacher experiment of the GradMax paper (arXiv 2201.05125):
    small students learn what a teacher answers and get one neuron after another. Published order of the training
    losses: small > random > GradMax > big. Takes minutes on one core; with `--quick` seconds, and shows nothing yet.

    The folder then holds outcomes.parquet (a row a run and number), curves.parquet, summary.parquet,
    differences.parquet, comparison.svg and, for a file, table.md. The same command into the same folder prints the
    results again without computing.

    Attributes:
        subject: what to compare: student-teacher, or a file of growth rules, placements and timings (.toml).
        out: folder for the results; by default the next free one under runs/.
        test: for a file: look at the test set instead of validation data. Once, when all is decided.
        workers: for a file: runs at a time; 0 takes every core.
        student_teacher: size of the student-teacher experiment.
    """

    subject: tyro.conf.Positional[str]
    out: Path | None = None
    test: bool = False
    workers: int = 0
    student_teacher: Annotated[StudentTeacherOptions, tyro.conf.arg(name="")] = field(
        default_factory=StudentTeacherOptions
    )

    def execute(self) -> None:
        """Compute what is not there yet, then print the results."""
        if self.subject == STUDENTS:
            compare_students(self)
        elif self.subject.endswith(".toml"):
            compare_file(self)
        else:
            raise ValueError(f"compare {self.subject!r} is unknown; take {STUDENTS} or a file, such as growth.toml")


def compare_file(command: Compare) -> None:
    """Growth rules, placements and timings on the chip, as a file says."""
    from smalti.scheduler.commands.compare_growth import compare_growth  # not above: help need not wait for pandas

    file = Path(command.subject)
    out = command.out or Path("runs") / file.stem
    quick, split = command.student_teacher.quick, "test" if command.test else "validation"
    compare_growth(file, out, quick, split, command.workers)


def compare_students(command: Compare) -> None:
    """The student-teacher experiment."""
    from smalti.scheduler.commands.compare_view import print_students  # not above: help need not wait for pandas
    from smalti.scheduler.commands.run import next_free
    from smalti.scheduler.comparing.folder import open_comparison

    options, console = command.student_teacher.resolved(), Console()
    out = command.out or next_free(Path("runs"), "student-teacher")
    folder = open_comparison(out, options, seed=options.seed, threads=1)
    if not folder.finished:
        folder.write(_student_tables(options, console))
    _picture(folder, console)
    print_students(folder, options, console)


def _student_tables(options: StudentTeacherOptions, console: Console) -> dict[str, pd.DataFrame]:
    from smalti.analysis.comparison import differences, summary
    from smalti.scheduler.comparing import outcomes, student_teacher

    with counting_bar(console, student_teacher.TOTAL_STEPS) as watch:
        losses = student_teacher.run(options, watch)
    values = outcomes.outcomes(losses, options.optimiser)
    return {
        "outcomes": values,
        "curves": outcomes.curves(losses, options.optimiser),
        "summary": summary(values),
        "differences": differences(values, CONTROL),
    }


def _picture(folder: ComparisonFolder, console: Console) -> None:
    from smalti.analysis.comparison import curve_summary
    from smalti.analysis.plots.comparison import draw_comparison
    from smalti.scheduler.commands.compare_view import draw

    if not (folder.path / PICTURE).exists():
        curves, final = curve_summary(folder.read("curves")), folder.read("summary")
        title = f"{final['experiment'][0]}, {final['setting'][0]}, {final['n'].max()} students of every method"
        draw(lambda: draw_comparison(curves, final, title), folder.path / PICTURE, console)
