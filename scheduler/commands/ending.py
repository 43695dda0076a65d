"""How a run ends for who started it: the summary and the report, also where the chip had no room for all tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from smalti.scheduler.commands.report import leave_report


@contextmanager
def concluding(path: Path, console: Console, report: bool) -> Iterator[None]:
    """Print the summary and leave a report when what is done meanwhile ends, well or for want of room.

    Args:
        path: folder of the run.
        console: where it is said.
        report: whether one is wanted.

    Raises:
        NoRoomError: a task found no place; what was learned before has been told then.
    """
    from smalti.model.chip.fabric import NoRoomError  # not above: help need not wait for numpy
    from smalti.scheduler.records.folder import RunFolder

    try:
        yield
    except NoRoomError:
        if RunFolder(path).checkpoint.exists():
            _conclude(path, console, report)
        raise
    _conclude(path, console, report)


def _conclude(path: Path, console: Console, report: bool) -> None:
    from smalti.analysis.runs import load_run  # not above: help need not wait for pandas
    from smalti.scheduler.commands.printing.runs import print_summary

    run = load_run(path, keep=True)
    print_summary(run, console, asked=True)
    if report:
        leave_report(run, console)
