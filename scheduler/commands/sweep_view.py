"""What ``smalti sweep`` shows while it runs and prints at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from smalti.scheduler.sweeping.folder import SweepFolder
from smalti.scheduler.sweeping.plan import SEED, Trial
from smalti.scheduler.sweeping.table import BEGUN, DONE, FAILED, State

AT_WORK, LAST, BEST = 8, 6, 20  # trials shown: those begun, those that ended last, the best at the end
COLUMNS = {"neurons": ",.0f", "wires": ",.0f", "links": ",.0f", "spikes_per_sample": ",.0f", "seconds": ",.1f"}


@contextmanager
def showing(console: Console, state: State) -> Iterator[Callable[[State], None]]:
    """Follow a sweep: a live table in a terminal, a line for every trial that ends elsewhere."""
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
        self.told = 0  # trials that a line was printed of

    def left(self, state: State) -> str:
        """Time left, in words."""
        ended = state.ended
        if self.before is None:
            self.before = self.told = ended
        passed, new = time.monotonic() - self.begin, ended - self.before
        if not state.total > ended:
            return "all ended"
        if not new:
            return "time left: not known yet"
        return f"{span(passed / new * (state.total - ended))} left"


def span(seconds: float) -> str:
    """Seconds as hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))


def spelled(value: object) -> str:
    """A value of a field, in few characters."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


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
    for name in ("trial", *_varied(state), "", "accuracy", "neurons"):
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
    for number, name in enumerate(state.order[clock.told :], clock.told + 1):
        values = ", ".join(f"{field} = {spelled(value)}" for field, value in state.trials[name].values.items())
        how, accuracy, neurons = _outcome(state, name)
        told = f"accuracy {accuracy}, {neurons} neurons" if accuracy else state.errors[name]
        line = f"{number} of {state.total}, {left}: {name} {how}: {values}: {told}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    clock.told = len(state.order)


def _varied(state: State) -> list[str]:
    return list(dict.fromkeys(field for trial in state.trials.values() for field in trial.values))


def _values(state: State, name: str) -> list[str]:
    values = state.trials[name].values
    return [spelled(values.get(field, "")) for field in _varied(state)]


def _outcome(state: State, name: str) -> tuple[str, str, str]:
    if state.status[name] != DONE:
        return state.status[name], "", ""
    found = state.measures[name]
    return DONE, f"{found['accuracy']:.3f}", f"{found['neurons']:.0f}"


def list_trials(trials: Mapping[str, Trial], folder: SweepFolder, console: Console) -> None:
    """What a sweep would run."""
    fields = list(next(iter(trials.values())).values)
    table = Table(*("trial", *fields, ""))
    for name, trial in trials.items():
        how = "failed" if folder.error(name) else "done" if folder.finished(name) else ""
        table.add_row(name, *(spelled(value) for value in trial.values.values()), how)
    console.print(table)
    console.print(f"{len(trials)} trials; {folder.path} is their folder", highlight=False, markup=False, soft_wrap=True)


def print_sweep(state: State, objective: str, direction: str, console: Console) -> None:
    """The best combinations, what failed, and where the table is.

    Raises:
        ValueError: no trial finished.
    """
    table = state.table()
    done, failed = table[table["status"] == DONE], table[table["status"] == FAILED]
    if done.empty:
        raise ValueError(f"none of the {len(table)} trials finished; the first says: {failed['error'].iloc[0]}")
    if objective not in done:
        raise ValueError(
            f"--objective {objective} was not measured; {state.folder.table} has {', '.join(map(str, done))}"
        )
    console.print(best(done, [name for name in _varied(state) if name != SEED], objective, direction))
    for name, error in zip(failed["trial"].head(LAST), failed["error"], strict=False):
        console.print(f"{name}: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
    if len(failed):
        told = f"{len(failed)} of {len(table)} trials failed ({state.folder.path / 'errors'}); --retry tries them again"
        console.print(told, style="red", markup=False, highlight=False, soft_wrap=True)
    for line in (
        f"\ntable: {state.folder.table}",
        f"next:  python -c \"import pandas as pd; print(pd.read_parquet('{state.folder.table}'))\"",
    ):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def best(done: pd.DataFrame, fields: list[str], objective: str, direction: str) -> Table:
    """Combinations by their objective, means over seeds."""
    shown = [objective, *(name for name in COLUMNS if name != objective)]
    keys = done[fields].map(spelled)  # lists among them
    groups = done[shown].astype(float).groupby([keys[name] for name in fields] or (lambda _: ""), sort=False)
    means = groups.mean().assign(runs=groups.size())
    means = means.sort_values(objective, ascending=direction == "minimize", kind="stable")
    title = f"the best {BEST} of {len(means)} combinations" if len(means) > BEST else f"{len(means)} combinations"
    table = Table(title=f"{title}, by {objective} (means over their runs)", title_justify="left")
    for name in fields:
        table.add_column(name)
    for name in ("runs", *shown):
        table.add_column(name, justify="right")
    for key, row in means.head(BEST).iterrows():
        names = (key if isinstance(key, tuple) else (key,))[: len(fields)]
        cells = [f"{row[name]:{COLUMNS.get(name, '.4g')}}" for name in shown]
        table.add_row(*map(str, names), f"{row['runs']:.0f}", *cells)
    return table
