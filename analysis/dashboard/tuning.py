"""Sliders: what changes at once, and what the next start takes. Knows the page's library, not the page."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import solara

from smalti.analysis.dashboard.live import Source, Tuning
from smalti.analysis.dashboard.selection import coins
from smalti.model.growth.rules import GROWTH_RULES
from smalti.model.growth.timing import TIMINGS

LEAST = -7.0  # the lowest place of a slider of powers of ten stands for 0
POWERS = {
    "slot_price": "slot price",
    "row_price": "row price",
    "wire_price": "wire price",
    "enough_loss": "enough loss",
}
COUNTS = {
    "births": ("births per class", 1, 8),
    "candidates": ("candidates a tile", 1, 16),
    "max_neurons": ("most neurons per class (0: no limit)", 0, 60),
}


@solara.component
def Sliders(tuning: Tuning, unit: str, on_tuning: Callable[[Tuning], None]) -> None:
    """Sliders of options that are read anew in every round."""
    with solara.Column(gap="0px"):
        for name, title in POWERS.items():
            value = getattr(tuning, name)
            label(f"{title}: <b>{coins(value)}</b> {unit}")
            solara.SliderFloat(
                "",
                value=place_of(value),
                min=LEAST,
                max=0.0,
                step=0.25,
                thumb_label=False,
                on_value=lambda place, name=name: on_tuning(changed(tuning, name, value_at(place))),
            )
        for name, (title, least, most) in COUNTS.items():
            value = getattr(tuning, name)
            label(f"{title}: <b>{value}</b>")
            solara.SliderInt(
                "",
                value=value,
                min=least,
                max=max(most, value),
                thumb_label=False,
                on_value=lambda value, name=name: on_tuning(changed(tuning, name, value)),
            )


@solara.component
def Choices(source: Source, chosen: solara.Reactive[dict[str, object]]) -> None:
    """What a Reset takes; ``chosen`` has the values, of ``first_choices`` at first."""
    for name, choice in start_choices(source).items():

        def choose(value: object, name: str = name) -> None:
            chosen.value = {**chosen.value, name: value}

        title, value = choice["label"], chosen.value[name]
        if "values" in choice:
            solara.Select(title, value=value, values=choice["values"], on_value=choose)
        else:
            label(f"{title}: <b>{value}</b>")
            solara.SliderInt("", value=value, min=choice["min"], max=choice["max"], thumb_label=False, on_value=choose)


def first_choices(source: Source) -> dict[str, object]:
    """Arguments of ``Live`` for a start that changes nothing."""
    return {"source": source, **{name: choice["value"] for name, choice in start_choices(source).items()}}


def changed(tuning: Tuning, name: str, value: float) -> Tuning:
    """The options with another value for one of them."""
    values: dict[str, Any] = {name: value}
    return replace(tuning, **values)


def label(text: str) -> None:
    """A line above a slider, which holds its value; ``text`` is HTML."""
    solara.HTML(tag="div", unsafe_innerHTML=text, classes=["label"])


def place_of(value: float) -> float:
    """Where a value lies on a slider of powers of ten."""
    return max(LEAST, min(0.0, math.log10(value))) if value > 0 else LEAST


def value_at(place: float) -> float:
    """Three digits of the value at a place of such a slider."""
    return 0.0 if place <= LEAST else float(f"{10**place:.3g}")


def start_choices(source: Source) -> dict[str, dict[str, Any]]:
    """What may be chosen for the next start, by the name of an argument of ``Live``."""
    config = source.config
    return {
        "rule": _select("growth rule", config.growth.rule, sorted({*GROWTH_RULES})),
        "when": _select("when to grow", config.growth.when, list(TIMINGS)),
        "rows": _slider("rows of tiles", config.fabric.rows, 1, 8),
        "cols": _slider("columns of tiles", config.fabric.cols, 1, 8),
        "seed": _slider("seed", config.run.seed, 0, 20),
    }


def _select(title: str, value: str, values: list[str]) -> dict[str, Any]:
    return {"label": title, "value": value, "values": values}


def _slider(title: str, value: int, least: int, most: int) -> dict[str, Any]:
    return {"label": title, "value": value, "min": least, "max": max(most, value)}
