from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import pandas as pd
import pytest

from smalti.analysis.chip.structure import graph
from smalti.analysis.growth import reuse
from smalti.analysis.measures import opened
from smalti.analysis.restored import restored
from smalti.analysis.runs import Run, load_run

NAN = math.nan
OPENINGS = pd.DataFrame(
    [
        (0, 5, "go", "seed", 0, NAN, True, 0),
        (1, 2, "wait", "experts", 0, 0.3, False, 0),
        (1, 2, "wait", "readout", 1, 0.95, True, 4),
        (2, 7, "anti", "experts", 1, 0.91, True, 0),
    ],
    columns=["round", "task", "name", "step", "expert", "score", "taken", "taps"],
).assign(inputs=[0, 0, 3, 0], experts_run=0, neurons_run=0)
NEURONS = pd.DataFrame(
    [(0, "hidden", 5, "seed"), (1, "hidden", 5, "gradmax"), (2, "output", 5, "seed"), (3, "output", 2, "tap")],
    columns=["neuron", "kind", "task", "rule"],
)


@pytest.fixture
def made(tables: Callable[..., Any]) -> Run:
    """Three tasks in the order 5, 2, 7: a seed expert, a read-out of its own, the read-out of another as it is."""
    rounds = pd.DataFrame({"round": range(3), "experience": range(3), "task": [5, 2, 7]})
    config = {"stream": {"order": [5, 2, 7]}}
    run: Run = tables(config, {"openings": OPENINGS, "neurons": NEURONS, "rounds": rounds, "evaluations": asked()})
    return run


def asked() -> pd.DataFrame:
    return pd.DataFrame({"on": [2, 5, 7]})


def test_a_row_a_task_in_the_order_in_which_they_came(made: Run) -> None:
    table = reuse.openings(made)
    assert table.index.tolist() == [5, 2, 7]
    assert table["step"].tolist() == ["seed", "readout", "experts"]
    assert table["score"].tolist()[1:] == [0.95, 0.91]
    assert math.isnan(table["score"].iloc[0])
    assert table["experts"].tolist()[1:] == [0.3, 0.91]
    assert table["readout"].tolist()[1] == 0.95
    assert table["born"].tolist() == [2, 0, 0]
    assert reuse.births(made).to_numpy().tolist() == [[1, 1, 2], [0, 0, 0], [0, 0, 0]]


def test_who_found_no_room_is_told_with_what_was_bought_back(made: Run, tables: Callable[..., Any]) -> None:
    assert reuse.openings(made)["refused"].tolist() == ["", "", ""]  # a run of an older version
    full = pd.concat(
        [
            OPENINGS.assign(refused="", bought=0),
            OPENINGS.iloc[[0, 0]].assign(
                task=2, taken=False, refused=["tile (1, 0) is full", ""], bought=[0, 3], name="wait"
            ),
        ]
    )
    others = {name: made.table(name) for name in ("neurons", "rounds", "evaluations")}
    table = reuse.openings(tables(made.config, {"openings": full, **others}))
    assert table["refused"].to_dict() == {5: "", 2: "tile (1, 0) is full", 7: ""}
    assert table["bought"].to_dict() == {5: 0, 2: 3, 7: 0}
    (row,) = [row for row in reuse.told(table) if row["task"] == "2 wait"]
    assert (row["no room for a seed"], row["bought back"]) == ("tile (1, 0) is full", "3")


def test_words_of_how_tasks_opened(made: Run) -> None:
    rows = reuse.told(reuse.openings(made))
    assert [row["task"] for row in rows] == ["5 go", "2 wait", "7 anti"]
    assert [row["opened by"] for row in rows] == ["a seed expert", "a read-out of its own", "expert 1 as it is"]
    assert [row["score"] for row in rows] == ["", "0.950", "0.910"]


def test_who_is_lent_to_whom(made: Run) -> None:
    assert reuse.lent(made).to_numpy().tolist() == [[2, 7]]


def test_neurons_are_heard_once_however_many_outputs_hear_them() -> None:
    network = nx.DiGraph()
    for neuron, kind, task in (
        (0, "hidden", 0),
        (1, "hidden", 0),
        (2, "hidden", 1),
        (3, "output", 1),
        (4, "output", 1),
    ):
        network.add_node(neuron, kind=kind, task=task)
    network.add_edges_from([(0, 3), (0, 4), (1, 4), (2, 3), (0, 2)])  # the last two: one's own, and between neurons
    assert reuse.heard(network).to_numpy().tolist() == [[0, 1, 2]]
    assert reuse.heard(nx.DiGraph()).empty


def test_taps_of_a_run_are_those_of_its_experts(timed_run: Path) -> None:
    run = load_run(timed_run, keep=True)
    assert reuse.has_openings(run)
    table, heard, agent = reuse.openings(run), reuse.heard(graph(run)), restored(run).gating
    assert table["name"].tolist() == ["fdgo", "delaygo", "dm1"]
    assert table["step"].tolist() == ["seed"] * 3
    assert heard.groupby("target")["taps"].sum().to_dict() == table["taps"][table["taps"] > 0].to_dict()
    assert len(heard)
    for source, target, _ in heard.itertuples(index=False):
        assert agent.running(agent.experts[target])[agent.experts[source].neurons].any()


def test_runs_whose_tasks_tried_nothing_have_no_openings(finished_run: Path) -> None:
    assert not reuse.has_openings(load_run(finished_run))


def test_read_outs_that_were_made_anew_are_told_apart(tables: Callable[..., Any], made: Run) -> None:
    again = OPENINGS.iloc[[2, 2]].assign(round=[2, 3], step="again", score=[0.97, 0.96], taken=[True, False], taps=6)
    old = {name: made.table(name) for name in ("neurons", "rounds", "evaluations")}
    run = tables(made.config, {"openings": pd.concat([OPENINGS, again]), **old})
    assert reuse.reopened(run)[["round", "task", "score", "taps"]].to_numpy().tolist() == [[2, 2, 0.97, 6]]
    table = reuse.openings(run)
    assert table.drop(columns="again").equals(reuse.openings(made).drop(columns="again"))
    assert table["again"].to_dict() == {5: 0, 2: 1, 7: 0}
    assert reuse.lent(run).equals(reuse.lent(made))
    assert [row["opened again"] for row in reuse.told(table)] == ["", "1", ""]
    assert "opened again" not in reuse.told(reuse.openings(made))[0]
    config = {**made.config, "growth": {"reuse": {"by": "readout"}}}
    neurons = NEURONS.assign(retired_round=None)
    with_it, without = (
        opened.reuse(tables(config, {**old, "openings": one, "neurons": neurons}))
        for one in (run.table("openings"), OPENINGS)
    )
    assert with_it == {**without, "links_read": without["links_read"] + 2}  # six taps in place of four
