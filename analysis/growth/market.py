"""What the auctions came to: prices, who won and why others lost, and whether winners kept their promises.

Prices are in the unit of the loss per sample, as are bids. Formulas here are plain counts and means of the table
``bids``; the auction itself is ``agents.auction.sequential``, its prices ``agents.auction.prices``.
"""

from __future__ import annotations

import re

import pandas as pd

from smalti.agents.auction.bids import SEED, TAP

REASONS = (  # words in the reason of a bid -> what it comes to; the first that is found
    ("won", "won"),
    ("price is above", "the price is above its value"),
    ("not in the best set", "others had larger surpluses"),
    ("went to", "others had larger surpluses"),
    ("is full", "a side is full"),
    ("no room for all links", "a side is full"),
    ("free slot", "the tile is full"),
    ("dead", "a dead tile is in the way"),
    ("reaches no neuron", "it reaches no neuron of its expert"),
    ("as many sources as it may", "the read-out hears as many sources as it may"),
)
OTHER = "another reason"
SIDE = re.compile(r"^(R0|R1|neuron tile) \((\d+), (\d+)\) side ([NESW]) (in|out)")


def prices(bids: pd.DataFrame, by: str = "round") -> pd.DataFrame:
    """Prices asked for and paid in every round, or for every task.

    Asked: the price of every bid that fitted, won or lost (bids that did not fit have none). Paid: those of winners.

    Args:
        bids: the table of that name.
        by: round or task.

    Returns:
        Indexed by that: bids, won, asked_mean, asked_median, asked_max, paid_mean, paid_median, paid_max
        (in the unit of the loss per sample; NaN where nobody was asked, or paid).
    """
    groups = bids.groupby(by)
    table = pd.DataFrame({"bids": groups.size(), "won": groups["won"].sum().astype(int)})
    for name, part in (("asked", bids), ("paid", bids[bids["won"]])):
        grouped = part.groupby(by)["price"]
        for measure in ("mean", "median", "max"):
            table[f"{name}_{measure}"] = grouped.agg(measure).reindex(table.index).astype(float)
    return table


def win_rates(bids: pd.DataFrame, by: str = "round") -> pd.DataFrame:
    """Share of bids that won, by any column of the table: round, tile, rule, task ...

    rate = bids won / bids.

    Raises:
        ValueError: there is no such column.
    """
    if by not in bids.columns:
        raise ValueError(f"bids have no column {by!r}; take one of {list(bids.columns)}")
    groups = bids.groupby(by)["won"]
    table = pd.DataFrame({"bids": groups.size(), "won": groups.sum().astype(int)})
    return table.assign(rate=table["won"] / table["bids"])


def reasons(bids: pd.DataFrame, by: str | None = None) -> pd.DataFrame:
    """How many bids ended for which kind of reason, places left out, the commonest first.

    Args:
        bids: the table of that name.
        by: a column to count apart; by default all bids together.

    Returns:
        A row a kind of reason, one column for each value of ``by``, or ``bids``.
    """
    kinds = bids["reason"].map(kind_of_reason).rename("reason")
    if by is None:
        return kinds.value_counts().rename_axis("reason").rename("bids").to_frame()
    if by not in bids.columns:
        raise ValueError(f"bids have no column {by!r}; take one of {list(bids.columns)}")
    table = pd.crosstab(kinds, bids[by])
    return table.loc[table.sum(axis=1).sort_values(ascending=False, kind="stable").index]


def kind_of_reason(reason: str) -> str:
    """What a reason comes to, without the places that it names."""
    return next((kind for words, kind in REASONS if words in reason), OTHER)


def bottlenecks(bids: pd.DataFrame) -> pd.Series[int]:
    """Sides of tiles whose lack of wires bids were refused for, the most frequent first."""
    places = bids.loc[~bids["won"], "reason"].map(_place).dropna()
    return places.value_counts().rename_axis("side").rename("bids")


def worth(bids: pd.DataFrame, rounds: pd.DataFrame) -> pd.DataFrame:
    """What newborns promised, and what became of the loss.

    A round trains first and gives birth then, so with L[r] the mean training loss of round r

        predicted = sum of the values of the bids that won in r
        achieved  = L[r] - L[r + 1]    (NaN where the experience ends with r)
        usual     = mean of L[q] - L[q + 1] over the rounds q of the same experience without a birth

    all in the unit of the loss per sample. ``achieved`` holds what ordinary training would have brought too
    (``usual``, which is itself larger early in an experience than late), and a newborn, whose fan-out starts at zero,
    needs more than a round to be worth what it promised: one round proves little, the correlation over many says more.
    A value is that of a newborn alone; several that send the same are worth less than their sum. Neurons of seed
    experts and taps of read-outs are left out: they open an experience, before anything is trained.

    Returns:
        A row for every round with such births: round, experience, task, winners, predicted, paid, before, after,
        achieved, usual.
    """
    facts = rounds.set_index("round").sort_index()
    experience = facts["experience"]
    following = facts["loss"].shift(-1).where(experience.shift(-1) == experience)
    decrease = facts["loss"] - following
    won = bids[bids["won"] & ~bids["rule"].isin((SEED, TAP))].groupby("round")
    table = pd.DataFrame({"winners": won.size(), "predicted": won["value"].sum(), "paid": won["price"].sum()})
    quiet = decrease[~decrease.index.isin(bids.loc[bids["won"], "round"])]
    usual = quiet.groupby(experience[quiet.index]).mean()
    where = experience.loc[table.index]
    table.insert(0, "experience", where)
    table.insert(1, "task", facts["task"].loc[table.index])
    losses = {"before": facts["loss"], "after": following, "achieved": decrease}
    table = table.assign(**{name: values.loc[table.index] for name, values in losses.items()})
    return table.assign(usual=usual.reindex(where).to_numpy(dtype=float)).reset_index()


def _place(reason: str) -> str | None:
    match = SIDE.match(reason)
    return match.group(0) if match else None
