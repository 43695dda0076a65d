"""How soon the right expert answers in blocks of trials, where only feedback says which task it is. Knows the tables.

    found_within    blocks in which it was found within 20 trials / all blocks of the last evaluation
    trials_to_find  trials before it was, median over these blocks; a block in which it never was counts as infinite

A block is an ordered pair of experts: the one believed in at first, and the right one (table ``switches``).
"""

from __future__ import annotations

import math

from smalti.analysis.tables import RunTables


def measures(run: RunTables, split: str) -> dict[str, float]:
    """Both by name; empty where feedback chose no experts."""
    if "belief" not in run.config.get("gating", {}):  # runs of older versions, which have no such table
        return {}
    table = run.table("switches")
    last = table[(table["split"] == split) & (table["after"] == table["after"].max())]
    if last.empty:
        return {}
    trials = last["trials"].where(last["trials"] >= 0, math.inf)
    return {"found_within": float(last["found"].mean()), "trials_to_find": float(trials.median())}
