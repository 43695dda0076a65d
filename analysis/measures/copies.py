"""What copies of the chip answered when a run had ended, from its table ``copies``. Draws nothing."""

from __future__ import annotations

import pandas as pd

from smalti.analysis.tables import RunTables


def has_copies(run: RunTables) -> bool:
    """Whether copies were asked."""
    return "copies" in run.tables and not run.table("copies").empty


def asked(run: RunTables, setting: str, split: str = "validation") -> pd.DataFrame:
    """Answers in one setting.

    Args:
        run: finished.
        setting: task, class, domain or joint.
        split: validation or test.

    Returns:
        Columns draw, seconds, task and accuracy, as of ``hardware.devices.at_times``; empty if nobody was asked.
    """
    columns = ["draw", "seconds", "task", "accuracy"]
    if not has_copies(run):
        return pd.DataFrame(columns=columns)
    table = run.table("copies")
    return table[(table["setting"] == setting) & (table["split"] == split)][columns].reset_index(drop=True)


def measures(run: RunTables, setting: str, split: str) -> dict[str, float]:
    """Accuracy of copies, mean over tasks, at the first and the last of the ages; empty if nobody was asked."""
    table = asked(run, setting, split)
    if table.empty:
        return {}
    by_age = table.groupby(["seconds", "draw"])["accuracy"].mean().unstack()
    first, last = by_age.iloc[0], by_age.iloc[-1]
    spread = {"copies_spread": float(first.std())} if len(first) > 1 else {}
    return {
        "copies_first": float(first.mean()),
        **spread,
        "copies_last": float(last.mean()),
        "copies_worst": float(last.min()),
    }
