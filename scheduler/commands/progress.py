"""The live progress bar of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from smalti.scheduler.simulation import Simulation


@contextmanager
def progress_bar(console: Console) -> Iterator[Callable[[Simulation], None]]:
    """A bar that follows a simulation: experience, round, loss, accuracy, neurons, wires."""
    bar = Progress(
        TextColumn("task {task.fields[experience]}"),
        BarColumn(),
        TextColumn("round"),
        MofNCompleteColumn(),
        TextColumn("{task.fields[numbers]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        line = bar.add_task("run", total=None, experience="-", numbers="preparing")

        def watch(simulation: Simulation) -> None:
            row = simulation.rows.rounds[0]
            numbers = (
                f"loss {row['loss']:.3f}  accuracy {row['accuracy']:.3f}  "
                f"neurons {row['neurons']}  wires {row['wires']}"
            )
            bar.update(
                line,
                total=simulation.total_rounds,
                completed=simulation.round,
                experience=row["experience"],
                numbers=numbers,
            )

        yield watch


@contextmanager
def counting_bar(console: Console, total: int) -> Iterator[Callable[[str], None]]:
    """A bar over so many steps; it is told after each of them what was at work."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        line = bar.add_task("preparing", total=total)

        def watch(name: str) -> None:
            bar.update(line, advance=1, description=name)

        yield watch


@contextmanager
def trial_bar(console: Console, total: int) -> Iterator[Callable[[str, str], None]]:
    """A bar over so many trials; it is told of each that ends, and prints the errors of those that failed."""
    with counting_bar(console, total) as watch:

        def report(name: str, how: str) -> None:
            watch(name)
            if how != "done":
                console.print(f"{name}: {how}", style="red", markup=False, highlight=False, soft_wrap=True)

        yield report
