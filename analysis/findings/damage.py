"""What faults and errors did to a chip, and what was done about it, as findings. Draws and prints nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from smalti.analysis.findings.finding import Finding, count_of, several

NOTHING = "nothing"  # a row of the table ``repairs`` where nothing was worth its price
CURES = {
    "none": "faults.heal = relay lays links of living neurons again where there is room, auction what is worth it; "
    "those of neurons that died are gone.",
    "relay": "Those of neurons that died are gone, and others found no room (faults.heal = relay): more fabric.wires "
    "leave some, and with auction old experts buy other repairs, too.",
    "auction": "Old experts bought those that were worth their price (faults.heal = auction); those of neurons that "
    "died are gone.",
}
"""What to do about links that are lost, by ``faults.heal``."""


def broken(rounds: pd.DataFrame, heal: str = "none") -> Finding | None:
    """Links that faults took away during the run, and how many of them were laid again.

    Args:
        rounds: the table.
        heal: faults.heal; with auction links that nobody bought are no reason to worry, for ``repaired`` has its own.
    """
    if "lost" not in rounds or not rounds["lost"].any():
        return None
    lost, relaid = int(rounds["lost"].sum()), int(rounds["relaid"].sum())
    when = ", ".join(str(number) for number in rounds.loc[rounds["lost"] > 0, "round"])
    return Finding(
        kind="broken",
        weight="warning" if relaid < lost and heal != "auction" else "note",
        title=f"Faults took {count_of(lost, 'link')} away, of which {relaid} were laid again",
        detail=f"They came before round {when}." + (f" {CURES[heal]}" if relaid < lost else ""),
    )


def repaired(repairs: pd.DataFrame, rounds: pd.DataFrame, faults: Mapping[str, Any]) -> Finding | None:
    """Repairs of old experts: what was done, what it wrote, and which tasks stayed worse than they were.

    Args:
        repairs: the table.
        rounds: the table, which tells whether faults have come yet.
        faults: options of faults; those of older versions have no healing.
    """
    if repairs.empty:
        return _nothing_bought(rounds, faults)
    taken = repairs[repairs["taken"] & (repairs["repair"] != NOTHING)]
    given_up = repairs[repairs["taken"] & (repairs["repair"] == NOTHING)]
    kinds = [f"{count} {repair}" for repair, count in taken["repair"].value_counts().items()]
    tasks = [f"task {task} {_came_to(rows)}" for task, rows in taken.groupby("task")]
    writes = int(taken["writes"].sum())
    open_ = sorted(set(given_up["task"]))
    left = f" Nothing more was worth its price for {several([f'task {task}' for task in open_])}." if open_ else ""
    done = f"{several(kinds)}. Loss on samples that are kept: {several(tasks)}." if kinds else "Nothing was done."
    bought = f"{count_of(len(taken), 'repair')}, which wrote {count_of(writes, 'device')}" if kinds else "nothing"
    return Finding(
        kind="repaired",
        weight="warning" if open_ else "note",
        title=f"Old experts bought {bought}",
        detail=f"{done}{left} What was tried stands in the table repairs.",
    )


def _came_to(rows: pd.DataFrame) -> str:
    """Loss before the first repair of a task and after the last, and what that one had promised if it is another."""
    before, after = (f"{value:.3f}" for value in (rows["loss_before"].iloc[0], rows["loss_after"].iloc[-1]))
    text = f"from {before} to {after}"
    if "loss_promised" not in rows:  # a run of an older version
        return text
    promised = f"{rows['loss_promised'].iloc[-1]:.3f}"
    return text if promised == after else f"{text} (its trial had promised {promised})"


def _nothing_bought(rounds: pd.DataFrame, faults: Mapping[str, Any]) -> Finding | None:
    """Why no auction was held where one could have been; None where nothing has come that could be repaired."""
    to_come = not faults.get("watch") and rounds["round"].max() < faults.get("at_round", 0)
    if faults.get("heal") != "auction" or to_come:
        return None
    return Finding(
        kind="repaired",
        weight="note",
        title="Old experts bought nothing",
        detail="No loss on samples that are kept of an old task rose by more than faults.tolerance = "
        f"{faults['tolerance']:g}, so that no auction was held; experts whose outputs serve several tasks, or are "
        "those of another, are not asked.",
    )


def alike(devices: Mapping[str, Any]) -> Finding | None:
    """Whether several copies of a chip were asked whose devices have no errors, by which copies differ."""
    copies = devices.get("copies", 0)
    if copies < 2 or devices.get("kind") != "ideal":
        return None
    return Finding(
        kind="alike",
        weight="note",
        title=f"All {copies} copies of the chip are alike",
        detail="They differ by errors of writes and by read noise and drift, and devices.kind = ideal has none; "
        "what is stuck is the same in all.",
    )
