"""Whether a gating network that stands on the chip found room there. It knows the table ``openings``."""

from __future__ import annotations

import pandas as pd

from smalti.analysis.findings.finding import Finding, count_of, several
from smalti.analysis.growth.reuse import GATE


def without_columns(openings: pd.DataFrame) -> Finding | None:
    """Whether a gating network on the chip found no columns for tasks, which it cannot tell from others then."""
    last = openings[openings["step"] == GATE].iloc[-1:]
    if last.empty or not str(last["refused"].iloc[0]):
        return None
    turned = openings[(openings["step"] == GATE) & (openings["refused"] != "")]
    turned = turned.drop_duplicates("task", keep="last")  # one that returns is refused again
    told = [
        f"task {task} ({name}): {why}"
        for task, name, why in zip(turned["task"], turned["name"], turned["refused"], strict=True)
    ]
    return Finding(
        kind="without_columns",
        weight="warning",
        title=f"{count_of(len(turned), 'task')} found no columns for the gating network",
        detail=f"{several(told, separator='; ')}. More room: fabric.neurons_per_tile, fabric.cols.",
    )
