"""A run at all moments that it keeps, from the first of its snapshots to the end."""

from __future__ import annotations

from smalti.analysis.runs import Run
from smalti.scheduler.records.pasted import pasted


def moments(run: Run) -> dict[int, Run]:
    """The run as it was after each round of which it has a snapshot, and after the last round, in order.

    Raises:
        ValueError: no round is finished yet.
    """
    rounds = run.table("rounds")["round"]
    if rounds.empty:
        raise ValueError(
            f"{run.path} has no finished round yet; `{pasted('smalti', 'resume', run.path)}` goes on with it"
        )
    last = int(rounds.iloc[-1])
    return {**{number: run.at(number) for number in run.moments if number < last}, last: run}
