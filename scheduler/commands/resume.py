"""``smalti resume``: go on with a run that was stopped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from scheduler.commands.progress import progress_bar
from scheduler.commands.summary import print_summary
from scheduler.runner import resume


@dataclass(frozen=True)
class Resume:
    """Go on with a run that was stopped; its tables end up the same as if it had not been.

    Attributes:
        run: folder of the run.
    """

    run: tyro.conf.Positional[Path]

    def execute(self) -> None:
        """Resume, with a progress bar, then print the summary."""
        console = Console()
        with progress_bar(console) as watch:
            resume(self.run, watch)
        print_summary(self.run, console)
