"""``smalti report``: runs as one HTML file; and the report that every run leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro
from rich.console import Console

from smalti.scheduler.commands.stopping import advising
from smalti.scheduler.records.pasted import pasted

if TYPE_CHECKING:
    from smalti.analysis.runs import Run

NAME = "report.html"


@dataclass(frozen=True)
class Report:
    """Write a report on a run, or on several side by side: one HTML file that needs no network. Extra `report`.

    It tells what was run, what came of it in words, numbers and pictures, what to beware of, and how to run it again.

    Attributes:
        runs: folders of runs, or folders that contain some, such as `trials` of a comparison; 12 runs at most.
        out: the file; by default report.html, in the folder of the run if there is just one. An older report is
            replaced, nothing else is.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    out: Path | None = None

    def execute(self) -> None:
        """Write the file and say where."""
        from smalti.analysis.report import write_report
        from smalti.analysis.runs import load_runs  # not above: help need not wait for pandas

        runs = load_runs(self.runs, keep=True)
        paths = [run.path for _, run in runs]
        out = self.out or (paths[0] / NAME if len(paths) == 1 else Path(NAME))
        write_report(runs, out)
        Console().print(f"wrote {out}", highlight=False, markup=False, soft_wrap=True)


def leave_report(run: Run, console: Console) -> None:
    """Write the report of a run that has just ended; whatever goes wrong is said, and the run is none the worse."""
    from smalti.analysis.report import missing_packages, write_report
    from smalti.analysis.runs import Runs

    path = run.path
    missing, again = missing_packages(), pasted("smalti", "report", path)
    if missing:
        outcome = f'none; it needs {" and ".join(missing)}: pip install "smalti[report]", then {again}'
    else:
        try:
            with advising(lambda: f"the run is finished; `{again}` writes its report"):
                write_report(Runs(runs={path.name: run}, varied=()), path / NAME)
            outcome = f"{path / NAME}"
        except Exception as error:
            outcome = f"none, for it failed ({type(error).__name__}: {error}); {again} tries again"
    console.print(f"report:     {outcome}", highlight=False, markup=False, soft_wrap=True)
