"""Whether a gating network that stands on the chip found room there, and for all. It knows the table ``openings``."""

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


def fewer_centres(openings: pd.DataFrame, asked: int) -> Finding | None:
    """Whether classes have fewer centres than the ``asked`` ones, for slots or samples are short."""
    last = openings[openings["step"] == GATE].iloc[-1:]
    if last.empty or "centres" not in last:  # no such gate, or a run of an older version
        return None
    kept = int(last["centres"].iloc[0])
    if not 0 < kept < asked:
        return None
    return Finding(
        kind="fewer_centres",
        weight="note",
        title=f"Of {asked} centres a class, some class of the gating network keeps {kept}",
        detail="Nearest centres are merged where the north row has no slots for all (fabric.neurons_per_tile, "
        "fabric.cols), and a class has no more than its training samples are; gating.crossbar.centres asks for more.",
    )
