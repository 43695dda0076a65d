"""``smalti compare``: ways to grow beside each other, each over many seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smalti.scheduler.commands.experiments.experiment import ExperimentCommand

STUDENTS = "student-teacher"


@dataclass(frozen=True)
class Compare(ExperimentCommand):
    """Compare ways to grow, each over many seeds: means with 95 % intervals, and paired differences.

    `smalti compare growth` runs growth rules on the chip with their controls: as many neurons placed at random, a net
    of the final size from the beginning, the same with equal compute, the same births with another initialisation. Any
    file of `smalti sweep` that names variants and a control will do; docs/growth.md has results. Every run is a folder
    under OUT/trials. Uses every core, and goes on where it was stopped; with more seeds or variants in the file it
    runs what is missing. The folder then holds outcomes.parquet (a row a run and measure), curves.parquet,
    summary.parquet, differences.parquet, table.md and pictures.

    `smalti compare student-teacher` repeats the student-teacher experiment of the GradMax paper (arXiv 2201.05125):
    small students learn what a teacher answers and get one neuron after another. Published order of the training
    losses: small > random > GradMax > big. Takes minutes on one core; with `--quick` seconds, and shows nothing yet.

    Attributes:
        teachers: for student-teacher: teachers, each with points of its own; fewer than 16 show nothing. Of each there
            are --seeds students, 3 by default.
        points: for student-teacher: points that a teacher labels, all of them in every step.
        optimiser: for student-teacher: sgd (learning rate 0.1, as published) or adam (0.01).
        seed: for student-teacher: seed of all random numbers.
    """

    teachers: int = 16
    points: int = 1000
    optimiser: Literal["sgd", "adam"] = "sgd"
    seed: int = 0

    def execute(self) -> None:
        """Compute what is not there yet, then print the results."""
        if self.experiment == STUDENTS:
            compare_students(self)
        else:
            super().execute()


def compare_students(command: Compare) -> None:
    """The student-teacher experiment: compute what its folder lacks, and print it."""
    from smalti.scheduler.commands.experiments.student_teacher import (
        compare,  # not above: help need not wait for pandas
    )
    from smalti.scheduler.experiments.students.student_teacher import StudentTeacherOptions

    options = StudentTeacherOptions(
        teachers=command.teachers,
        seeds=3 if command.seeds is None else command.seeds,
        seed=command.seed,
        points=command.points,
        optimiser=command.optimiser,
        quick=command.quick,
    )
    compare(options.resolved(), command.out)
