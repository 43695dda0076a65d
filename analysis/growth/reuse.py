"""How the tasks of a run opened, and whom they hear: what was reused, and what had to be born. Draws nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from smalti.analysis.outcomes import order
from smalti.analysis.runs import Run

if TYPE_CHECKING:
    import networkx as nx

WAYS = {
    "experts": "an expert as it is",
    "readout": "a read-out of its own",
    "seed": "a seed expert",
    "columns": "outputs of others",
    "combination": "a combination of old parts",
    "south": "a new south part",
    "north": "a new north part",
    "both": "a north and a south part",
}
"""Steps of the table ``openings`` by which a task opens, in words."""

NOTHING = {"born": 0, "again": 0, "refused": "", "bought": 0}
"""What stands for a task without rows."""

AGAIN = "again"  # the step that makes the read-out of an old task anew
GATE = "gate"  # the step that buys columns of the gating network, and opens nothing


def has_openings(run: Run) -> bool:
    """Whether any task tried what there was before it got neurons of its own (``growth.reuse.by``)."""
    return "openings" in run.tables and bool((of_tasks(run.table("openings"))["step"] != "seed").any())


def of_tasks(tried: pd.DataFrame) -> pd.DataFrame:
    """Rows of the table ``openings`` that tell how tasks opened, then or later."""
    return tried[tried["step"] != GATE]


def opened(tried: pd.DataFrame) -> pd.DataFrame:
    """Rows of the table ``openings`` by which tasks opened when they came, not again."""
    return tried[tried["taken"] & ~tried["step"].isin([AGAIN, GATE])]


def reopened(run: Run) -> pd.DataFrame:
    """Tasks whose read-outs were made anew after later experiences, as they stand in the table ``openings``.

    Returns:
        A row for each time: round, task, name, score (the new one, on validation data), taps, inputs, experts_run.
    """
    tried = run.table("openings")
    again = tried[tried["taken"] & (tried["step"] == AGAIN)]
    return again[["round", "task", "name", "score", "taps", "inputs", "experts_run"]].reset_index(drop=True)


def openings(run: Run) -> pd.DataFrame:
    """How every task opened that has come, in the order in which they came.

    Raises:
        ValueError: the run has no table ``openings``: every task got a seed expert (``growth.reuse.by`` = none).

    Returns:
        Indexed by task: name; step that was taken; expert that answers; experts and readout, the validation scores of
        the best expert as it is, or combination of parts, and of the best read-out, or of the relay (NaN where not
        tried); score, that of the step taken (NaN for a seed expert, which had yet to learn); taps, inputs, experts_run
        and neurons_run as in the table ``openings``; refused, why there was no room for a seed, empty where none was
        refused; bought, neurons bought back for it; born, hidden neurons ever born for the task; again, how often its
        read-out was made anew later.
    """
    tried = of_tasks(run.table("openings"))
    taken = opened(tried).set_index("task")
    alike = tried.assign(step=tried["step"].replace({"combination": "experts", "south": "readout"}))
    first = alike[alike["step"].isin(["experts", "readout"])].drop_duplicates(["task", "step"], keep="last")
    scores = first.pivot(index="task", columns="step", values="score").reindex(columns=["experts", "readout"])
    names = ["name", "step", "expert", "score", "taps", "inputs", "experts_run", "neurons_run"]
    table = taken[names].join(scores)
    came = [task for task in dict.fromkeys(order(run)) if task in table.index]
    table = table.join(_refused(tried))
    table = table.join(_births(run)["born"]).join(reopened(run).groupby("task").size().rename("again"))
    return table.fillna(NOTHING).astype({"born": int, "again": int, "bought": int}).loc[came]


def _refused(tried: pd.DataFrame) -> pd.DataFrame:
    """Why tasks found no room, and neurons bought back for them; no rows of a run of an older version."""
    if "refused" not in tried:
        return pd.DataFrame(columns=["refused", "bought"])
    full = tried[tried["refused"] != ""].groupby("task")["refused"].first()
    return pd.concat([full, tried.groupby("task")["bought"].max()], axis=1)


def births(run: Run) -> pd.DataFrame:
    """Hidden neurons ever born for each task that has come, in the order in which they came: seed, grown, born."""
    seen = set(run.table("rounds")["task"])
    came = [task for task in dict.fromkeys(order(run)) if task in seen]
    return _births(run).reindex(came, fill_value=0)


def _births(run: Run) -> pd.DataFrame:
    neurons = run.table("neurons")
    hidden = neurons[neurons["kind"] == "hidden"]
    seed = hidden["rule"] == "seed"
    counts = pd.DataFrame({"seed": seed, "grown": ~seed}).groupby(hidden["task"]).sum()
    return counts.assign(born=counts.sum(axis=1)).astype(int)


def heard(network: nx.DiGraph) -> pd.DataFrame:
    """Whom the outputs of each task hear, other than the neurons born for it.

    Args:
        network: as ``structure.graph`` makes it.

    Returns:
        A row a pair of tasks: source, target, taps (hidden neurons born for the one that an output of the other hears).
    """
    nodes = network.nodes
    pairs = {
        (nodes[source]["task"], nodes[target]["task"], source)
        for source, target in network.edges
        if nodes[target]["kind"] == "output" and nodes[source]["kind"] == "hidden"
    }
    apart = pd.DataFrame([pair for pair in sorted(pairs) if pair[0] != pair[1]], columns=["source", "target", "neuron"])
    return apart.groupby(["source", "target"]).size().rename("taps").reset_index().astype(int)


def told(table: pd.DataFrame) -> list[dict[str, str]]:
    """What ``openings`` gave in words, a row a task."""
    columns = {
        "task": [f"{task} {name}" for task, name in table["name"].items()],
        "opened by": [
            f"expert {expert} as it is" if step == "experts" else WAYS[step]
            for step, expert in zip(table["step"], table["expert"], strict=True)
        ],
        "score": [_score(value) for value in table["score"]],
        "best expert": [_score(value) for value in table["experts"]],
        "read-out": [_score(value) for value in table["readout"]],
        "taps": [str(count) for count in table["taps"]],
        "inputs": [str(count) for count in table["inputs"]],
        "experts run": [str(count) for count in table["experts_run"]],
        "neurons run": [str(count) for count in table["neurons_run"]],
        "born": [str(count) for count in table["born"]],
    }
    if table["again"].any():
        columns["opened again"] = [str(count) if count else "" for count in table["again"]]
    if (table["refused"] != "").any():
        columns["no room for a seed"] = list(table["refused"])
        columns["bought back"] = [str(count) if count else "" for count in table["bought"]]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _score(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.3f}"


def lent(run: Run) -> pd.DataFrame:
    """Tasks that another one's expert answers as it is: source (the task for which the expert came) and target."""
    tried = run.table("openings")
    taken = opened(tried)
    founded = taken[taken["step"] != "experts"].set_index("expert")["task"]
    served = taken[taken["step"] == "experts"]
    source = served["expert"].map(founded).astype(int)
    return pd.DataFrame({"source": source, "target": served["task"].astype(int)}).reset_index(drop=True)
