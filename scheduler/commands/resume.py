"""``smalti resume``: go on with a run that was stopped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import tyro
from rich.console import Console

from smalti.scheduler.commands.ending import concluding
from smalti.scheduler.commands.printing.progress import following
from smalti.scheduler.commands.stopping import advising
from smalti.scheduler.records.pasted import pasted


@dataclass(frozen=True)
class Resume:
    """Go on with a run that was stopped; its tables end up the same as if it had not been.

    Attributes:
        run: folder of the run.
        report: leave a report.html in the folder, which takes a moment at the end (see `smalti report`).
    """

    run: tyro.conf.Positional[Path]
    report: bool = True

    def execute(self) -> None:
        """Resume, telling how far it is, then print the summary and leave a report."""
        console = Console()
        with advising(partial(going_on, self.run)):
            from smalti.scheduler.runner import resume  # not above: help need not wait for torch

            with concluding(self.run, console, self.report):
                with following(console, self.run) as watch:
                    simulation = resume(self.run, watch, begun=watch)
                if not simulation.rows.rounds:
                    said = f"{self.run} was finished already; nothing has changed\n"
                    console.print(said, markup=False, soft_wrap=True)


def going_on(path: Path) -> str:
    """How to go on with a run that was stopped; empty if there is none yet."""
    from smalti.scheduler.records.folder import RunFolder  # not above: help need not wait for pyarrow

    facts = path / "environment.json"
    if not (path / "config.toml").is_file() or not facts.is_file():
        return ""
    if not RunFolder(path).checkpoint.exists():
        return f"no round of {path} is finished; `{pasted('smalti', 'resume', path)}` begins it again"
    return f"`{pasted('smalti', 'resume', path)}` goes on from the last finished round"
