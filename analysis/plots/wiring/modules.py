"""Functional modules along training: the clusters, their wiring and their places, each against chance, and accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from smalti.analysis.chip import modules
from smalti.analysis.plots.drawing.figure import PALETTE, quick_note
from smalti.analysis.plots.drawing.painted import painted
from smalti.analysis.plots.drawing.picture import Dots, Key, Level, Line, Mark, Panel, Picture, limits
from smalti.analysis.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GREY = "#888888"
MEASURES = {"functional_modularity": "functional", "wiring_modularity": "wiring", "anatomical_modularity": "anatomical"}


def draw_modules(run: Run) -> Figure:
    """Functional, wiring and anatomical modularity (above), and accuracy, over the rounds of a run with snapshots.

    Raises:
        ValueError: no round is finished yet, the run cannot be asked, or matplotlib is missing.
    """
    return painted(modules_picture(modules.along(run), quick_note(run)))


def modules_picture(table: pd.DataFrame, note: str = "") -> Picture:
    """What ``draw_modules`` draws, of a table as ``modules.along`` makes it."""
    marks: list[Mark] = [Level(y=0, colour=GREY)]
    for number, measure in enumerate(MEASURES):
        marks += _curve(table["round"], table[measure], PALETTE[number])
    keys = [Key(label=name, colour=PALETTE[number]) for number, name in enumerate(MEASURES.values())]
    values = table[list(MEASURES)].fillna(0.0)
    upper = Panel(
        marks=marks,
        x=limits(table["round"]),
        y=limits(values, 0.0),
        y_label="modularity\nless that at chance",
        frame="corner",
        grid=True,
        keys=keys,
        keys_at="above",
        columns=len(keys),
        ratio=2,
    )
    score, called = score_along(table)
    lower = _lower([*_curve(table["round"], score, PALETTE[4])], table["round"], called)
    title = f"functional modules along training{note}"
    return Picture(title=title, panels=[upper, lower], width=7.0, height=5.0)


def draw_modules_beside(tables: Mapping[str, Sequence[pd.DataFrame]]) -> Figure:
    """The same of several variants: a panel a measure, a thin line a run, a thick one their mean.

    Args:
        tables: by the name of a variant, of each of its runs what ``modules.along`` gave; all have the same rounds.

    Raises:
        ValueError: matplotlib is missing.
    """
    return painted(modules_beside_picture(tables))


def modules_beside_picture(tables: Mapping[str, Sequence[pd.DataFrame]]) -> Picture:
    """What ``draw_modules_beside`` draws."""
    every = pd.concat([table for some in tables.values() for table in some], ignore_index=True)
    keys = [Key(label=name, colour=PALETTE[number], kind="line") for number, name in enumerate(tables)]
    panels = [
        Panel(
            marks=[Level(y=0, colour=GREY), *_beside(tables, measure)],
            x=limits(every["round"]),
            y=limits(every[measure].fillna(0.0), 0.0),
            y_label=name,
            frame="corner",
            grid=True,
            keys=() if number else keys,
            keys_at="above",
            columns=len(keys),
        )
        for number, (measure, name) in enumerate(MEASURES.items())
    ]
    _, called = score_along(every)
    score = {name: [table.assign(score=score_along(table)[0]) for table in some] for name, some in tables.items()}
    panels.append(_lower([*_beside(score, "score")], every["round"], called))
    title = "functional modules along training: modularity less that at chance, and accuracy"
    return Picture(title=title, panels=panels, width=8.0, height=9.0)


def score_along(table: pd.DataFrame) -> tuple[pd.Series[float], str]:
    """Validation accuracy where the run has it (``training.validate``), else that of training; and its name."""
    if table["validation"].notna().any():
        return table["validation"], "accuracy\n(validation)"
    return table["accuracy"], "accuracy\n(training)"


def _lower(marks: Sequence[Mark], rounds: pd.Series[int], called: str) -> Panel:
    """Accuracy, with the rounds that are named for all panels."""
    every = -(-rounds.nunique() // 10)
    return Panel(
        marks=marks,
        x=limits(rounds),
        y=(0, 1.02),
        x_label="round",
        y_label=called,
        x_ticks=[(float(number), str(number)) for number in sorted(rounds.unique().tolist())[::every]],
        frame="corner",
        grid=True,
    )


def _curve(x: pd.Series[int], y: pd.Series[float], colour: str) -> Iterator[Mark]:
    yield Line(x=x, y=y, colour=colour)
    yield Dots(x=x, y=y, colours=colour, size=4)


def _beside(tables: Mapping[str, Sequence[pd.DataFrame]], measure: str) -> Iterator[Mark]:
    for number, some in enumerate(tables.values()):
        colour = PALETTE[number % len(PALETTE)]
        for table in some:
            yield Line(x=table["round"], y=table[measure], colour=colour, width=0.6, alpha=0.5)
        mean = pd.concat(some).groupby("round")[measure].mean()
        yield Line(x=mean.index, y=mean, colour=colour, width=1.8)
