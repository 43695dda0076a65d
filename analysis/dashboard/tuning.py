"""Sliders: what changes at once, and what the next start takes. Knows the page's library, not the page."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import solara

from smalti.analysis.dashboard.live import Source, Tuning
from smalti.analysis.dashboard.selection import nats
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
def Sliders(tuning: Tuning, on_tuning: Callable[[Tuning], None]) -> None:
    """Sliders of options that are read anew in every round."""
    with solara.Column(gap="0px"):
        for name, label in POWERS.items():
            value = getattr(tuning, name)
            _label(f"{label}: <b>{nats(value)}</b> nats")
            solara.SliderFloat(
                "",
                value=place_of(value),
                min=LEAST,
                max=0.0,
                step=0.25,
                thumb_label=False,
                on_value=lambda place, name=name: on_tuning(changed(tuning, name, value_at(place))),
            )
        for name, (label, least, most) in COUNTS.items():
            value = getattr(tuning, name)
            _label(f"{label}: <b>{value}</b>")
            solara.SliderInt(
                "",
                value=value,
                min=least,
                max=max(most, value),
                thumb_label=False,
                on_value=lambda value, name=name: on_tuning(changed(tuning, name, value)),
            )


def changed(tuning: Tuning, name: str, value: float) -> Tuning:
    """The options with another value for one of them."""
    values: dict[str, Any] = {name: value}
    return replace(tuning, **values)


def _label(text: str) -> None:
    solara.HTML(tag="div", unsafe_innerHTML=text, classes=["label"])


def place_of(value: float) -> float:
    """Where a value lies on a slider of powers of ten."""
    return max(LEAST, min(0.0, math.log10(value))) if value > 0 else LEAST


def value_at(place: float) -> float:
    """Three digits of the value at a place of such a slider."""
    return 0.0 if place <= LEAST else float(f"{10**place:.3g}")


def start_choices(source: Source) -> dict[str, Any]:
    """Mesa's ``model_params`` for ``Live``: what a Reset takes."""
    config = source.config
    return {
        "source": source,
        "rule": _select("growth rule", config.growth.rule, sorted({*GROWTH_RULES})),
        "when": _select("when to grow", config.growth.when, list(TIMINGS)),
        "rows": _slider("rows of tiles", config.fabric.rows, 1, 8),
        "cols": _slider("columns of tiles", config.fabric.cols, 1, 8),
        "seed": _slider("seed", config.run.seed, 0, 20),
    }


def _select(label: str, value: str, values: list[str]) -> dict[str, Any]:
    return {"type": "Select", "label": label, "value": value, "values": values}


def _slider(label: str, value: int, least: int, most: int) -> dict[str, Any]:
    return {"type": "SliderInt", "label": label, "value": value, "min": least, "max": max(most, value), "step": 1}
