from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from smalti.analysis.outcomes import accuracies
from smalti.analysis.report import interactive
from smalti.analysis.runs import Run, Runs, load_run


@pytest.fixture(scope="module")
def run(finished_run: Path) -> Run:
    return load_run(finished_run, keep=True)


def traces(figure: Any) -> dict[str, Any]:
    return {trace["name"]: trace for trace in figure["data"]}


def test_the_timeline_shows_every_round(run: Run) -> None:
    rounds, figure = run.table("rounds"), interactive.timeline(run)
    drawn = traces(figure)
    names = {
        "training loss": "loss",
        "training accuracy": "accuracy",
        "wires in use": "wires",
        "born in the round, outputs included": "born",
    }
    for name, column in names.items():
        assert drawn[name]["x"] == rounds["round"].tolist()
        assert drawn[name]["y"] == rounds[column].tolist()
    bands = figure["layout"]["shapes"]
    assert [(band["x0"], band["x1"]) for band in bands] == [(-0.5, 2.5), (2.5, 5.5)]


@pytest.mark.parametrize("column", ["loss", "accuracy"])
def test_what_json_has_no_number_for_is_null(run: Run, tables: Callable[..., Run], column: str) -> None:
    """A run whose loss has grown beyond all bounds is shown as far as there are numbers."""
    rounds = run.table("rounds").copy()
    rounds.loc[:2, column] = [math.inf, math.nan, -math.inf]
    figure = interactive.timeline(tables(run.config, {"rounds": rounds, "evaluations": run.table("evaluations")}))
    name = {"loss": "training loss", "accuracy": "training accuracy"}[column]
    drawn = {trace["name"]: trace for trace in json.loads(json.dumps(figure, allow_nan=False))["data"]}
    assert drawn[name]["y"] == [None] * 3 + rounds[column].tolist()[3:]


def test_every_neuron_is_drawn_once_in_its_tile(run: Run) -> None:
    neurons, figure = run.table("neurons"), interactive.births(run)
    drawn = {
        int(about[0]): (int(x), int(y))
        for t in figure["data"]
        for about, x, y in zip(t["customdata"], t["x"], t["y"], strict=True)
    }
    wanted = {n: (b, t) for n, b, t in neurons[["neuron", "birth_round", "tile"]].itertuples(index=False)}
    assert drawn == wanted
    low, high = figure["layout"]["yaxis"]["range"]
    assert low > max(neurons["tile"]) > min(neurons["tile"]) > high  # north above


def test_bids_won_and_lost_add_up(run: Run) -> None:
    bids, figure = run.table("bids"), interactive.prices(run)
    assert figure is not None
    drawn = traces(figure)
    assert sum(drawn["won"]["y"]) == bids["won"].sum()
    assert sum(drawn["lost"]["y"]) == (~bids["won"]).sum()
    paid = bids[bids["won"]].groupby("round")["price"].max()
    assert dict(zip(drawn["paid, largest"]["x"], drawn["paid, largest"]["y"], strict=True)) == pytest.approx(
        paid.to_dict()
    )


def test_without_bids_there_is_nothing_to_draw(run: Run, tables: Callable[..., Run]) -> None:
    mute = tables(run.config, {"bids": run.table("bids")[:0], "rounds": run.table("rounds")})
    assert interactive.prices(mute) is None


def test_a_run_keeps_its_colour_through_the_comparison(run: Run) -> None:
    both = {"b": run, "a": replace(run)}
    rounds = run.table("rounds")
    figure = interactive.beside(both)
    assert [trace["name"] for trace in figure["data"]] == ["b"] * 3 + ["a"] * 3
    assert figure["data"][2]["y"] == rounds["wires"].tolist()
    assert sum(trace["showlegend"] for trace in figure["data"]) == 2
    learned = interactive.along(both)
    matrix = accuracies(run, "class")
    assert learned["data"][0]["y"] == pytest.approx([matrix.loc[0, 0], matrix.loc[1].mean()])
    assert learned["data"][0]["x"] == [1, 2]
    colours = [{t["name"]: t["line"]["color"] for t in f["data"]} for f in (figure, learned)]
    table = pd.DataFrame({"run": list(both), "wires": [2, 3], "accuracy": [0.5, 0.7]})
    dots = traces(interactive.front(table))
    assert colours[0] == colours[1] == {name: dots[name]["marker"]["color"] for name in both}


def test_the_front_leaves_out_who_is_beaten() -> None:
    table = pd.DataFrame({"run": ["a", "b", "c"], "wires": [10, 20, 30], "accuracy": [0.8, 0.7, 0.9]})
    line = traces(interactive.front(table))["Pareto front"]
    assert (line["x"], line["y"], line["mode"]) == ([10, 30], [0.8, 0.9], "lines")


def test_quick_runs_are_open_marks_off_the_front() -> None:
    table = pd.DataFrame({"run": ["a", "b", "c"], "wires": [10, 20, 30], "accuracy": [0.95, 0.7, 0.9]})
    drawn = traces(interactive.front(table.assign(quick=[True, False, False])))
    assert drawn["Pareto front"]["x"] == [20, 30]
    assert [drawn[name]["marker"]["symbol"] for name in "abc"] == ["circle-open", "circle", "circle"]


def test_twelve_runs_look_different_and_names_are_no_markup(run: Run) -> None:
    many = {f"<b>{number}</b>": run for number in range(12)}
    figure = interactive.along(many)
    assert len({(trace["line"]["color"], trace["line"]["dash"]) for trace in figure["data"]}) == 12
    assert figure["data"][0]["name"] == "&lt;b&gt;0&lt;/b&gt;"


def test_runs_are_given_by_name(run: Run) -> None:
    assert dict(Runs(runs={"a": run}, varied=())) == {"a": run}


def test_every_field_is_one_that_plotly_knows(run: Run) -> None:
    objects = pytest.importorskip("plotly.graph_objects", reason="plotly has the schema")
    table = pd.DataFrame({"run": ["a", "b"], "wires": [2, 3], "accuracy": [0.5, math.nan]})
    both = {"a": run, "b": run}
    drawn = [draw(run) for draw in (interactive.timeline, interactive.births, interactive.prices)]
    for figure in (*drawn, interactive.beside(both), interactive.along(both), interactive.front(table)):
        checked = objects.Figure(figure)  # raises for what it does not know
        assert len(checked.data) == len(json.loads(json.dumps(figure, allow_nan=False))["data"])


def test_what_is_missing_is_null(run: Run) -> None:
    table = pd.DataFrame({"run": ["a", "b"], "wires": [2, 3], "accuracy": [0.5, math.nan]})
    assert traces(interactive.front(table))["b"]["y"] == [None]


def test_axes_lie_below_each_other_over_one_x(run: Run) -> None:
    layout = interactive.timeline(run)["layout"]
    places = [layout[name]["domain"] for name in ("yaxis", "yaxis2", "yaxis3", "yaxis4")]
    assert places[0][1] == pytest.approx(1)
    assert places[-1][0] == 0
    assert all(upper[0] > lower[1] for upper, lower in pairwise(places))
    assert [layout[name].get("matches") for name in ("xaxis", "xaxis2", "xaxis3", "xaxis4")] == ["x4"] * 3 + [None]
