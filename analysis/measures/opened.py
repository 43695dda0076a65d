"""How tasks opened: by what there was, or by neurons of their own. Prints nothing."""

from __future__ import annotations

import numpy as np

from smalti.analysis.tables import RunTables


def reuse(run: RunTables) -> dict[str, float]:
    """How tasks opened, and what their read-outs hear; empty where none tried what there was."""
    if run.config.get("growth", {}).get("reuse", {}).get("by", "none") == "none":
        return {}
    tried, neurons = run.table("openings"), run.table("neurons")
    tried = tried[tried["step"] != "gate"]  # which opens no task
    taken = tried[tried["taken"] & (tried["step"] != "again")]
    last = tried[tried["taken"]].drop_duplicates("task", keep="last")  # read-outs may have been made anew
    hidden = neurons[(neurons["kind"] == "hidden") & neurons["retired_round"].isna()]
    halves = np.array_split(taken["task"].to_numpy(), 2)
    early, late = (float(hidden["task"].isin(half).sum()) for half in halves)
    own = taken["step"] == "seed"
    return {
        "seeds": float(own.sum()),
        "links_read": float(last["taps"].sum() + last["inputs"].sum() + len(hidden)),
        "experts_run": float((last.set_index("task")["experts_run"] + own.set_axis(taken["task"])).mean()),
        "late_births": late / early if early else 0.0,
    }


def parts(run: RunTables) -> dict[str, float]:
    """How many parts were born on two levels, and how many tasks opened without one; empty on one level."""
    if not run.config.get("growth", {}).get("levels", {}).get("relay", 0):
        return {}
    taken = run.table("openings").loc[lambda table: table["taken"], "step"]
    born = {"both": 2, "north": 1, "south": 1, "combination": 0}
    return {"parts": float(taken.map(born).sum()), "combined": float((taken == "combination").sum())}
