"""How far a run is: a live bar in a terminal, a line a round elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from smalti.model.engines.compiling import COMPILING

if TYPE_CHECKING:
    from smalti.scheduler.simulation import Simulation

Watcher: TypeAlias = "Callable[[Simulation], None]"


def any_bar(shown: bool = True) -> AbstractContextManager[Watcher]:
    """A bar in a terminal or a notebook; nothing where the output goes elsewhere, or if it is not wanted."""
    console = Console(stderr=True)
    if shown and console.is_jupyter:
        return notebook_bar()
    if shown and console.is_terminal:
        return progress_bar(console)
    return nullcontext(lambda simulation: None)


@contextmanager
def following(console: Console, out: Path) -> Iterator[Watcher]:
    """What is begun, in a few lines, and how far it is: a bar in a terminal, a line a round elsewhere.

    Args:
        console: where it is said.
        out: folder of the run.
    """
    with progress_bar(console) if console.is_terminal else nullcontext(partial(_print_round, console)) as show:

        def watch(simulation: Simulation) -> None:
            if simulation.rows.rounds:
                show(simulation)
            elif not simulation.finished:
                said = [f"{out}: {plan_of(simulation)}"]
                if not simulation.round:
                    said += [*preset_of(simulation), *data_of(simulation)]
                console.print("\n".join(said), markup=False, highlight=False, soft_wrap=True)

        yield watch


def plan_of(simulation: Simulation) -> str:
    """What a simulation is about to do, in a line."""
    stream, size = simulation.stream, simulation.config.fabric
    rounds = f"{len(stream.experiences)} experiences of {simulation.config.training.rounds} rounds"
    left = f", of which {simulation.round} are done" if simulation.round else ""
    chip = f"chip of {size.rows} x {size.cols} tiles, {size.neurons_per_tile} neurons each"
    return f"{stream.name}, {stream.setting}, {rounds}{left}; {chip}; engine {simulation.network.engine}"


def preset_of(simulation: Simulation) -> list[str]:
    """What the stream's preset says that the run keeps to, in a line if there is any."""
    from smalti.scheduler.configuration.presets import kept  # not above: help need not wait for the configuration

    fields = [f"{name} = {value}" for name, value in kept(simulation.config).items()]
    return [f"preset of {simulation.config.stream.name}: {', '.join(fields)}"] if fields else []


def data_of(simulation: Simulation) -> list[str]:
    """What was done to the data, and what of it the chip still hears, a line each."""
    from smalti.scheduler.streams.survey import heard  # not above: it needs scikit-learn

    found, notes = heard.measure(simulation.stream), list(simulation.stream.notes)
    if found is not None:
        notes += [f"heard: {'; '.join(found.facts)}", *found.warnings]
    return notes


def _print_round(console: Console, simulation: Simulation) -> None:
    experience = simulation.rows.rounds[0]["experience"]
    where = f"round {simulation.round} of {simulation.total_rounds}, experience {experience}"
    console.print(f"{where}: {numbers_of(simulation)}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def notebook_bar() -> Iterator[Watcher]:
    """A line and a bar below the cell, which are taken away at the end."""
    from IPython import display  # there in every notebook

    html: Callable[[str], object] = display.HTML
    show: Callable[..., Any] = display.display
    shown = show(html("preparing"), display_id=True)

    def watch(simulation: Simulation) -> None:
        done, total = simulation.round, simulation.total_rounds
        bar = f"<progress value='{done}' max='{total}'></progress>"
        shown.update(html(f"{bar} round {done} of {total}: {numbers_of(simulation)}"))

    yield watch
    shown.update(html(""))


def numbers_of(simulation: Simulation) -> str:
    """The last round in a line."""
    from smalti.analysis.units import USUAL_SCORE, in_words  # not above: help need not wait for pandas

    row, readout = simulation.rows.rounds[0], simulation.stream.readout
    score = in_words(USUAL_SCORE if readout is None else readout.score)
    size = f"neurons {row['neurons']}  wires {row['wires']}"
    if math.isnan(cast("float", row["loss"])):  # no sample was trained on
        return f"nothing to learn  {size}"
    return f"loss {row['loss']:.3f}  {score} {row['accuracy']:.3f}  {size}"


class Numbers(TextColumn):
    """What a bar says of the last round, or that kernels are being compiled, which a run waits for only once."""

    def render(self, task: Task) -> Text:
        """What is said now."""
        return Text("compiling kernels (once)") if COMPILING.runs else super().render(task)


@contextmanager
def progress_bar(console: Console) -> Iterator[Watcher]:
    """A bar that follows a simulation: experience, round, loss, accuracy, neurons, wires."""
    bar = Progress(
        TextColumn("task {task.fields[experience]}"),
        BarColumn(),
        TextColumn("round"),
        MofNCompleteColumn(),
        Numbers("{task.fields[numbers]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        line = bar.add_task("run", total=None, experience="-", numbers="preparing")

        def watch(simulation: Simulation) -> None:
            bar.update(
                line,
                total=simulation.total_rounds,
                completed=simulation.round,
                experience=simulation.rows.rounds[0]["experience"],
                numbers=numbers_of(simulation),
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
