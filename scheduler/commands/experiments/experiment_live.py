"""What is shown of an experiment while it runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from smalti.analysis.quantities import METRICS
from smalti.scheduler.experiments.plan import spelled
from smalti.scheduler.experiments.table import BEGUN, DONE, FAILED, State

AT_WORK, LAST = 8, 6  # trials shown: those begun, those that ended last


@contextmanager
def showing(console: Console, state: State) -> Iterator[Callable[[State], None]]:
    """Follow an experiment: a live table in a terminal, a line for every trial that ends elsewhere."""
    clock = Clock()
    if not console.is_terminal:
        yield lambda state: _lines(console, state, clock)
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield lambda state: live.update(view(state, clock))


class Clock:
    """Tells how long the rest will take, by how long it took since this began to look."""

    def __init__(self) -> None:
        self.begin = time.monotonic()
        self.before: int | None = None  # trials that had ended then
        self.printed = 0  # trials that a line was printed of

    def left(self, state: State) -> str:
        """Time left, in words."""
        ended = state.ended
        if self.before is None:
            self.before = self.printed = ended
        passed, new = time.monotonic() - self.begin, ended - self.before
        if not state.total > ended:
            return "all ended"
        if not new:
            return "time left: not known yet"
        return f"{span(passed / new * (state.total - ended))} left"


def span(seconds: float) -> str:
    """Seconds as hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))


def view(state: State, clock: Clock) -> RenderableType:
    """The live table."""
    ended, begun = state.ended, state.named(BEGUN)
    head = Table.grid(padding=(0, 2))
    failed = state.count(FAILED)
    counts = f"{ended} of {state.total}" + (f", [red]{failed} failed[/]" if failed else "")
    passed = span(time.monotonic() - clock.begin)
    head.add_row(ProgressBar(max(1, state.total), ended, width=30), counts, f"{passed} passed", clock.left(state))
    if not begun and not state.order:
        return Group(head, "starting the workers ...")
    table = Table()
    for name in ("trial", *varied(state), "", "accuracy", "neurons"):
        table.add_column(name, justify="left" if name else "right", no_wrap=True)
    for name in begun[:AT_WORK]:
        table.add_row(name, *_values(state, name), f"round {state.folder.rounds(name)}", "", "")
    if len(begun) > AT_WORK:
        table.add_row(f"and {len(begun) - AT_WORK} more begun")
    table.add_section()
    for name in state.order[-LAST:]:
        table.add_row(name, *_values(state, name), *_outcome(state, name))
    return Group(head, table)


def _lines(console: Console, state: State, clock: Clock) -> None:
    left = clock.left(state)
    for number, name in enumerate(state.order[clock.printed :], clock.printed + 1):
        values = ", ".join(f"{field} = {spelled(value)}" for field, value in state.trials[name].values.items())
        how, accuracy, neurons = _outcome(state, name)
        outcome = f"accuracy {accuracy} %, {neurons} neurons" if accuracy else state.errors[name]
        line = f"{number} of {state.total}, {left}: {name} {how}: {values}: {outcome}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    clock.printed = len(state.order)


def varied(state: State) -> list[str]:
    """Fields that vary among the trials."""
    return list(dict.fromkeys(field for trial in state.trials.values() for field in trial.values))


def _values(state: State, name: str) -> list[str]:
    values = state.trials[name].values
    return [spelled(values.get(field, "")) for field in varied(state)]


def _outcome(state: State, name: str) -> tuple[str, str, str]:
    if state.status[name] != DONE:
        return state.status[name], "", ""
    measures = state.measures[name]["flat"]
    return (
        DONE,
        METRICS["accuracy"].text(measures.get("accuracy", math.nan)),
        METRICS["neurons"].text(measures["neurons"]),
    )
