"""How the tasks of a run opened, and whom they hear: what was reused, and what had to be born. Draws nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from smalti.analysis.outcomes import order
from smalti.analysis.runs import Run

if TYPE_CHECKING:
    import networkx as nx

WAYS = {"experts": "an expert as it is", "readout": "a read-out of its own", "seed": "a seed expert"}
"""Steps of the table ``openings`` in words."""


def has_openings(run: Run) -> bool:
    """Whether any task tried what there was before it got neurons of its own (``growth.reuse.by``)."""
    return "openings" in run.tables and bool((run.table("openings")["step"] != "seed").any())


def openings(run: Run) -> pd.DataFrame:
    """How every task opened that has come, in the order in which they came.

    Raises:
        ValueError: the run has no table ``openings``: every task got a seed expert (``growth.reuse.by`` = none).

    Returns:
        Indexed by task: name; step that was taken; expert that answers; experts and readout, the validation scores of
        the best expert as it is and of the best read-out (NaN where not tried); score, that of the step taken (NaN for
        a seed expert, which had yet to learn); taps, inputs, experts_run and neurons_run as in the table
        ``openings``; born, hidden neurons ever born for the task.
    """
    tried = run.table("openings")
    taken = tried[tried["taken"]].set_index("task")
    scores = tried.pivot(index="task", columns="step", values="score").reindex(columns=["experts", "readout"])
    names = ["name", "step", "expert", "score", "taps", "inputs", "experts_run", "neurons_run"]
    table = taken[names].join(scores)
    came = [task for task in dict.fromkeys(order(run)) if task in table.index]
    return table.join(_births(run)["born"]).fillna({"born": 0}).astype({"born": int}).loc[came]


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
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _score(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.3f}"


def lent(run: Run) -> pd.DataFrame:
    """Tasks that another one's expert answers as it is: source (the task for which the expert came) and target."""
    tried = run.table("openings")
    taken = tried[tried["taken"]]
    founded = taken[taken["step"] != "experts"].set_index("expert")["task"]
    served = taken[taken["step"] == "experts"]
    source = served["expert"].map(founded).astype(int)
    return pd.DataFrame({"source": source, "target": served["task"].astype(int)}).reset_index(drop=True)
