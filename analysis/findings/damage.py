"""What faults did to a run, and what was done about it, as findings. Draws and prints nothing."""

from __future__ import annotations

import pandas as pd

from smalti.analysis.findings.finding import Finding, count_of, several


def broken(rounds: pd.DataFrame) -> Finding | None:
    """Links that faults took away during the run, and how many of them were laid again."""
    if "lost" not in rounds or not rounds["lost"].any():
        return None
    lost, relaid = int(rounds["lost"].sum()), int(rounds["relaid"].sum())
    when = ", ".join(str(number) for number in rounds.loc[rounds["lost"] > 0, "round"])
    return Finding(
        kind="broken",
        weight="warning" if relaid < lost else "note",
        title=f"Faults took {count_of(lost, 'link')} away, of which {relaid} were laid again",
        detail=f"They came before round {when}. faults.heal = relay lays links of living neurons again where there is "
        "room, auction what is worth it; those of neurons that died are gone.",
    )


def repaired(repairs: pd.DataFrame) -> Finding | None:
    """Repairs of old experts: what was done, what it wrote, and which tasks stayed worse than they were."""
    if repairs.empty:
        return None
    taken = repairs[repairs["taken"] & (repairs["repair"] != "nothing")]
    given_up = repairs[repairs["taken"] & (repairs["repair"] == "nothing")]
    kinds = [f"{count} {repair}" for repair, count in taken["repair"].value_counts().items()]
    tasks = [
        f"task {task} from {rows['loss_before'].iloc[0]:.3f} to {rows['loss_after'].iloc[-1]:.3f}"
        for task, rows in taken.groupby("task")
    ]
    writes = int(taken["writes"].sum())
    open_ = sorted(set(given_up["task"]))
    left = f" Nothing more was worth its price for {several([f'task {task}' for task in open_])}." if open_ else ""
    done = f"{several(kinds)}. Loss on samples that are kept: {several(tasks)}." if kinds else "Nothing was done."
    return Finding(
        kind="repaired",
        weight="warning" if open_ else "note",
        title=f"Old experts bought {count_of(len(taken), 'repair')}, which wrote {count_of(writes, 'device')}",
        detail=f"{done}{left} What was tried stands in the table repairs.",
    )
