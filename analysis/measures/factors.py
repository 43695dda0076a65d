"""Streams of two factors: answers where one factor is told, and those to combinations that never came."""

from __future__ import annotations

import math

import pandas as pd

from smalti.analysis.tables import RunTables

LESS_TOLD = {"question_told": "question", "view_told": "view", "untold": "class"}  # measure -> setting
HELD_OUT = {"unseen_question_told": "question", "unseen_untold": "class"}


def measures(run: RunTables, setting: str, split: str) -> dict[str, float]:
    """Accuracy on combinations that never came; beside it, where both factors are told, what it is where fewer are.

    Args:
        run: a run that has been evaluated.
        setting: as in ``evaluations``.
        split: validation or test.

    Returns:
        ``unseen`` and, for the setting task of a stream of two factors, ``LESS_TOLD`` and ``HELD_OUT``; nan for what
        was not asked.
    """
    table = run.table("evaluations")
    last = table[table["after"] == table["after"].max()]
    values = {"unseen": _mean(last, setting, f"unseen_{split}")}
    if setting == "task" and not last[last["setting"] == "question"].empty:
        values |= {name: _mean(last, other, split) for name, other in LESS_TOLD.items()}
        values |= {name: _mean(last, other, f"unseen_{split}") for name, other in HELD_OUT.items()}
    return values


def _mean(last: pd.DataFrame, setting: str, split: str) -> float:
    """Accuracy, mean over the tasks that were asked; nan: none."""
    rows = last[(last["setting"] == setting) & (last["split"] == split)]
    return float(rows["accuracy"].mean()) if len(rows) else math.nan
