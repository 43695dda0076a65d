"""How soon the right expert answers in blocks of trials, where only feedback says which task it is. Knows the tables.

    found_within    blocks in which it was found within 20 trials / all blocks of the last evaluation
    trials_to_find  trials before it was, median over these blocks; a block in which it never was counts as infinite

A block is an ordered pair of experts: the one believed in at first, and the right one (table ``switches``).
"""

from __future__ import annotations

import math

import pandas as pd

from smalti.analysis.tables import RunTables


def last(run: RunTables, split: str = "test") -> pd.DataFrame:
    """Blocks of the last evaluation, rows of the table ``switches``; none where feedback chose no experts."""
    if "belief" not in run.config.get("gating", {}):  # runs of older versions, which have no such table
        return pd.DataFrame()
    table = run.table("switches")
    blocks: pd.DataFrame = table[(table["split"] == split) & (table["after"] == table["after"].max())]
    return blocks


def measures(run: RunTables, split: str) -> dict[str, float]:
    """Both by name; empty where feedback chose no experts."""
    blocks = last(run, split)
    if blocks.empty:
        return {}
    return {"found_within": float(blocks["found"].mean()), "trials_to_find": float(_trials(blocks).median())}


def pairs(run: RunTables, split: str = "test") -> pd.DataFrame:
    """Trials before the right expert (columns) was found after another one was believed in (rows), by their numbers.

    Of several tasks that an expert answers, the most; infinite where it was never found, NaN where there was no block.
    """
    blocks = last(run, split)
    if blocks.empty:
        return pd.DataFrame()
    return blocks.assign(trials=_trials(blocks)).pivot_table("trials", "believed", "expert", aggfunc="max")


def _trials(blocks: pd.DataFrame) -> pd.Series[float]:
    return blocks["trials"].where(blocks["trials"] >= 0, math.inf)
