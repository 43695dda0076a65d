"""``smalti resume``: go on with a run that was stopped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from smalti.scheduler.commands.progress import progress_bar
from smalti.scheduler.commands.report import leave_report


@dataclass(frozen=True)
class Resume:
    """Go on with a run that was stopped; its tables end up the same as if it had not been.

    Attributes:
        run: folder of the run.
        report: leave a report.html in the folder, which takes some seconds at the end (see `smalti report`).
    """

    run: tyro.conf.Positional[Path]
    report: Annotated[bool, tyro.conf.FlagConversionOff] = True

    def execute(self) -> None:
        """Resume, with a progress bar, then print the summary and leave a report."""
        from smalti.scheduler.commands.summary import print_summary  # not above: help need not wait for Mesa and pandas
        from smalti.scheduler.runner import resume

        console = Console()
        with progress_bar(console) as watch:
            simulation = resume(self.run, watch)
        if not simulation.rows.rounds:
            console.print(f"{self.run} was finished already; nothing has changed\n", markup=False, soft_wrap=True)
        print_summary(self.run, console)
        if self.report:
            leave_report(self.run, console)
