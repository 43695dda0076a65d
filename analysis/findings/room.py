"""Tasks that found no room for neurons of their own, by reason, with what would make room. It knows ``openings``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from smalti.analysis.findings.finding import Finding, count_of, several
from smalti.analysis.growth.reuse import WAYS

DEFAULTS: Mapping[str, Any] = {}  # a configuration that says nothing: that of defaults
CURES = {"R0 ": "fabric.corner_wires", "R1 ": "fabric.wires", "neuron tile ": "fabric.wires"}
"""What stands in the reason of a refusal, and the option that makes room there; else it is slots that are missing."""


def refused(openings: pd.DataFrame, config: Mapping[str, Any] = DEFAULTS) -> Finding | None:
    """Whether tasks found no room for neurons of their own, and what serves them; each reason is told once.

    Args:
        openings: rows of the table that tell how tasks opened.
        config: of the run, for the cure.
    """
    if "refused" not in openings:  # a run of an older version
        return None
    turned = openings[openings["refused"] != ""]
    if turned.empty:
        return None
    taken = openings[openings["taken"] & (openings["step"] != "again")].set_index("task")
    told = [
        f"{_tasks(rows)}: {why}; served {_served(taken[taken.index.isin(rows['task'])])}"
        for why, rows in turned.groupby("refused", sort=False)
    ]
    levels = bool(config.get("growth", {}).get("levels", {}).get("relay"))
    own = "parts of their own" if levels else "a seed expert"
    return Finding(
        kind="refused",
        weight="warning",
        title=f"{count_of(len(turned), 'task')} found no room for {own}",
        detail=f"{several(told, separator='; ')}. More room: {_cures(turned['refused'])}.{_shared(config, levels)}",
    )


def _tasks(rows: pd.DataFrame) -> str:
    """One task with its name, or the numbers of several."""
    numbers = rows["task"].tolist()
    if len(numbers) == 1:
        return f"task {numbers[0]} ({rows['name'].iloc[0]})"
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"tasks {numbers[0]} to {numbers[-1]}"
    return f"tasks {several([str(number) for number in numbers])}"


def _served(rows: pd.DataFrame) -> str:
    """By what tasks were opened instead, how many by each where there are several ways, and how well that does."""
    ways = []
    for way, own in rows.groupby("step", sort=False):
        count = f"{len(own)} by" if len(own) < len(rows) else "by"
        bought = int(own["bought"].sum())
        place = f" in the place of {count_of(bought, 'neuron')} bought back" if bought else ""
        ways.append(f"{count} {WAYS[str(way)]}{place}{_validated(own['score'].dropna())}")
    return ", ".join(ways)


def _validated(scores: pd.Series[float]) -> str:
    if scores.empty:
        return ""
    low, high = f"{scores.min():.1%}", f"{scores.max():.1%}"
    return f" ({low if low == high else f'{low} to {high}'} on validation data)"


def _cures(reasons: pd.Series[str]) -> str:
    """Options that make room for what was refused, those that help most tasks first."""
    found = [next((cure for mark, cure in CURES.items() if mark in why), "fabric.neurons_per_tile") for why in reasons]
    return ", ".join(pd.Series(found).value_counts(sort=True).index)


def _shared(config: Mapping[str, Any], levels: bool) -> str:
    """Where tasks may share what there is, a quick run has nothing that is good enough to be shared."""
    reuses = levels or config.get("growth", {}).get("reuse", {}).get("by", "none") != "none"
    if not reuses or not config.get("run", {}).get("quick"):
        return ""
    return " A quick run learns too little for tasks to share it, and needs more room than one without run.quick."
