"""How scarce the chip was along the stream: its slots, its prices, who found no room, what was sold. Draws nothing."""

from __future__ import annotations

import math

import pandas as pd

from smalti.analysis.growth import market, reuse
from smalti.analysis.runs import Run


def along(run: Run) -> pd.DataFrame:
    """What every task that has come met with, in the order in which they came.

    Returns:
        Indexed by task: name; step by which it opened, as in the table ``openings``; score of that step on validation
        data (NaN for a seed expert); used, the share of all slots that held a neuron when it came; asked_mean,
        asked_max, paid_mean and paid_max of the prices of its bids, as in ``market.prices``; refused, why there was
        no room for a seed; bought, neurons bought back for it; paid, what that cost the tasks of those who sold.
    """
    born = reuse.births(run)
    tried = "openings" in run.tables and not reuse.of_tasks(run.table("openings")).empty
    opened = reuse.openings(run) if tried else pd.DataFrame(columns=list(UNSEEN))
    table = opened.reindex(born.index)[["name", "step", "score", "refused", "bought"]]
    table = table.fillna({**UNSEEN, "name": pd.Series(born.index.map(str), born.index)})
    prices = market.prices(run.table("bids"), "task").reindex(born.index)
    table = table.join(prices[["asked_mean", "asked_max", "paid_mean", "paid_max"]])
    paid = _paid(run).reindex(born.index).fillna(0.0)
    return table.assign(bought=table["bought"].astype(int), used=_used(run), paid=paid)


UNSEEN = {"name": "", "step": "seed", "score": math.nan, "refused": "", "bought": 0}
"""What stands for a task without rows of the table ``openings``: it got a seed expert at once."""


def _used(run: Run) -> pd.Series[float]:
    """Share of the slots in use before each task came."""
    fabric, neurons = run.config["fabric"], run.table("neurons")
    tiles = fabric["rows"] * fabric["cols"] - len({tuple(place) for place in fabric["dead_tiles"]})
    gone = neurons["retired_round"].astype(float).fillna(math.inf)
    began = run.table("rounds").groupby("task")["round"].min()
    slots = tiles * fabric["neurons_per_tile"]
    alive = {task: float(((neurons["birth_round"] < at) & (gone >= at)).sum()) for task, at in began.items()}
    return pd.Series({task: count / slots for task, count in alive.items()})


def _paid(run: Run) -> pd.Series[float]:
    """Rise of the losses of old tasks for the neurons that were bought back from them, by the task that got them."""
    paid: pd.Series[float] = pd.Series(dtype=float)
    tried = run.table("openings") if "openings" in run.tables else pd.DataFrame()
    if "paid" in tried:  # which runs of older versions lack
        paid = tried.groupby("task")["paid"].max()
    return paid
