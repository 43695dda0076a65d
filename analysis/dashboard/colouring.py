"""What colours the neurons of a run that is played back: their task, or their functional cluster at a moment."""

from __future__ import annotations

import solara

from smalti.analysis.dashboard.components import Notice, without_folders
from smalti.analysis.dashboard.tuning import label

TASK, CLUSTER = "task", "functional cluster"


@solara.component
def ColourBy(by: solara.Reactive[str], moment: int, pending: bool, failure: str | None) -> None:
    """The choice, and of which moment the clusters are.

    Args:
        by: ``TASK`` or ``CLUSTER``.
        moment: round of the clusters that are shown; -1 where none are.
        pending: whether the network is being asked.
        failure: why it cannot be.
    """
    solara.Select("colour by", value=by, values=[TASK, CLUSTER])
    if by.value != CLUSTER:
        return
    if failure is not None:
        Notice(without_folders(failure))
    elif pending:
        label("clusters are being found: the network of every snapshot is asked ...")
    elif moment < 0:
        label("there is no snapshot so early")
    else:
        label(f"clusters after round <b>{moment}</b>; a colour stays with its cluster")
