"""Parts of the page, each for a view: the chip to click, what is selected, curves, bids."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import solara

from smalti.analysis.dashboard.drawing import drawing
from smalti.analysis.dashboard.selection import Selection, Table, bids_table, details, read_selection
from smalti.analysis.dashboard.view import View

FOLDERS = re.compile(r"(?<![\w.~])/(?:[^/\s:'\"]+/)+")  # all but the last part of an absolute path


@solara.component_vue("chip.vue")
def ChipShapes(drawing: dict[str, Any], event_picked: Callable[[str], None]) -> None:
    """The chip's shapes; a click hands back the key of a shape."""


@solara.component_vue("table.vue")
def Rows(
    title: str,
    columns: list[str],
    rows: list[list[str]],
    leads: list[str],
    marks: list[str],
    event_picked: Callable[[str], None],
) -> None:
    """A table; a click on a row hands back where it leads."""


@solara.component
def Chip(view: View, selection: solara.Reactive[Selection | None], clusters: Mapping[int, int] | None = None) -> None:
    """The chip, coloured by clusters if they are given; a click selects, a second click on the same lets go."""
    shapes = solara.use_memo(lambda: drawing(view, selection.value, clusters), [view, selection.value, clusters])
    ChipShapes(drawing=shapes, event_picked=lambda key: _pick(selection, key))


@solara.component
def Selected(view: View, selection: solara.Reactive[Selection | None]) -> None:
    """What is selected: facts and tables."""
    if selection.value is None:
        solara.HTML(tag="p", unsafe_innerHTML="Click a tile, a neuron, a routing lane or a wire.", classes=["quiet"])
        return
    chosen = details(view, selection.value)
    if chosen is None:
        name = f"{selection.value.kind} {selection.value.number}"
        solara.HTML(tag="p", unsafe_innerHTML=escape(f"There is no {name} in this round."), classes=["quiet"])
        return
    facts = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in chosen.facts)
    solara.HTML(tag="div", unsafe_innerHTML=f"<h3>{escape(chosen.title)}</h3><table class='facts'>{facts}</table>")
    for table in chosen.tables:
        _Table(table, selection)


@solara.component
def _Table(table: Table, selection: solara.Reactive[Selection | None]) -> None:
    Rows(
        title=table.title,
        columns=list(table.columns),
        rows=[list(row) for row in table.rows],
        leads=["" if lead is None else f"{lead.kind}:{lead.number}" for lead in table.leads],
        marks=["marked" if place in table.marked else "" for place in range(len(table.rows))],
        event_picked=lambda key: _pick(selection, key),
    )


@solara.component
def Bids(view: View, selection: solara.Reactive[Selection | None]) -> None:
    """Bids of the last auction; a click selects the tile."""
    _Table(bids_table(view), selection)


@solara.component
def Notice(text: str) -> None:
    """What went wrong, or is not as it looks. (Solara's own alerts are refused by the widgets of ipyvuetify 3.)"""
    solara.HTML(tag="p", unsafe_innerHTML=escape(text), classes=["notice"])


@solara.component
def Board(
    view: View,
    curves: bytes,
    selection: solara.Reactive[Selection | None],
    controls: Callable[[], None],
    clusters: Mapping[int, int] | None = None,
) -> None:
    """The page's plan: chip, controls and what is selected beside it, curves (an .svg file) and bids below."""
    with solara.Div(classes=["board"]):
        with solara.Div(classes=["panel", "place-chip"]):
            Chip(view, selection, clusters)
        with solara.Div(classes=["panel", "place-controls"]):
            controls()
        with solara.Div(classes=["panel", "place-selected"]):
            Selected(view, selection)
        with solara.Div(classes=["panel", "place-trends"]):
            solara.Image(curves, format="svg+xml")
        with solara.Div(classes=["panel", "place-bids"]):
            Bids(view, selection)


def _pick(selection: solara.Reactive[Selection | None], key: str) -> None:
    picked = read_selection(key)
    selection.value = None if picked == selection.value else picked


def without_folders(text: str) -> str:
    """A message with the last part alone of every absolute path: where files lie is nobody's business."""
    return FOLDERS.sub("", text)
