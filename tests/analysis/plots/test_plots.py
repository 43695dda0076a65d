from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib", reason="pictures need matplotlib")

from matplotlib.collections import LineCollection, PatchCollection, PathCollection

from smalti.analysis import plots
from smalti.analysis.anew import activity
from smalti.analysis.chip import wiring
from smalti.analysis.comparison import pareto_front
from smalti.analysis.growth import market
from smalti.analysis.outcomes import accuracies
from smalti.analysis.plots.drawing.figure import task_colour
from smalti.analysis.plots.drawing.picture import Dots, Lines
from smalti.analysis.plots.wiring.chip import OTHERS, chip_picture
from smalti.analysis.runs import Run, load_run


@pytest.fixture(scope="module")
def run(finished_run: Path) -> Run:
    return load_run(finished_run, keep=True)


def shown(figure: Any) -> int:
    """Bytes of the picture as a PNG: drawing raises what is wrong with it."""
    sink = io.BytesIO()
    figure.savefig(sink, format="png")
    return len(sink.getvalue())


ALL: dict[str, Callable[[Run], Any]] = {
    "chip": plots.draw_chip,
    "chip by load": lambda run: plots.draw_chip(run, wires="load"),
    "growth": plots.draw_growth_timeline,
    "accuracy": plots.draw_accuracy_matrix,
    "prices": plots.draw_prices,
    "worth": plots.draw_worth,
    "hops": plots.draw_hops,
    "raster": lambda run: plots.draw_raster(activity.spikes_of(run, 0)),
}


@pytest.mark.parametrize("name", ALL)
def test_every_picture_has_a_title_and_can_be_drawn(run: Run, name: str) -> None:
    figure = ALL[name](run)
    assert shown(figure) > 5000
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    assert any(titles)
    labelled = [axes for axes in figure.axes if axes.axison]
    assert all(axes.get_ylabel() for axes in labelled)


def test_timeline_shows_the_rounds(run: Run) -> None:
    rounds, figure = run.table("rounds"), plots.draw_growth_timeline(run)
    for axes, column in zip(figure.axes, ("neurons", "wires", "loss"), strict=True):
        assert axes.lines[0].get_ydata().tolist() == rounds[column].tolist()
    assert [text.get_text() for text in figure.axes[0].texts] == ["task 0", "1"]


def test_matrix_writes_every_accuracy(run: Run) -> None:
    figure = plots.draw_accuracy_matrix(run, "task", "validation")
    known = accuracies(run, "task", "validation").stack().dropna()
    assert [text.get_text() for text in figure.axes[0].texts] == [f"{100 * value:.1f}" for value in known]
    with pytest.raises(ValueError, match="no evaluation of setting 'domain' and split 'test'; it has "):
        plots.draw_accuracy_matrix(run, "domain")


def test_prices_are_those_of_the_market(run: Run) -> None:
    figure, prices = plots.draw_prices(run), market.prices(run.table("bids"))
    asked, paid = figure.axes[0].lines[:2]
    np.testing.assert_array_equal(asked.get_ydata(), prices["asked_median"])
    np.testing.assert_array_equal(paid.get_ydata(), prices["paid_median"])
    assert [bar.get_height() for bar in figure.axes[1].containers[0]] == prices["won"].tolist()


def test_hops_are_those_of_the_histogram(run: Run) -> None:
    spikes = activity.spikes_per_sample(run)
    figure, table = plots.draw_hops(run, spikes), wiring.hop_histogram(run, spikes)
    for axes, column in zip(figure.axes, ("links", "spikes", "spike_hops"), strict=True):
        assert [bar.get_height() for bar in axes.containers[0]] == pytest.approx(table[column].tolist())


def test_raster_has_a_mark_for_every_spike(run: Run) -> None:
    raster = activity.spikes_of(run, 1, samples=2)
    figure = plots.draw_raster(raster, sample=1)
    own = raster.spikes[raster.spikes["sample"] == 1]
    for axes, kind in zip(figure.axes, ("hidden", "input"), strict=True):
        marks = sum(len(c.get_offsets()) for c in axes.collections if isinstance(c, PathCollection))
        assert marks == (own["kind"] == kind).sum() > 0
    with pytest.raises(ValueError, match="the raster has the samples 0 to 1"):
        plots.draw_raster(raster, sample=2)


def test_front_of_many_runs() -> None:
    table = pd.DataFrame({"wires": [1, 2, 3, 2], "accuracy": [0.5, 0.8, 0.7, 0.6], "growth.rule": list("abab")})
    figure = plots.draw_pareto(table, by="growth.rule")
    (front,) = figure.axes[0].lines
    assert front.get_xydata().tolist() == pareto_front(table)[["wires", "accuracy"]].to_numpy().tolist()
    assert [len(c.get_offsets()) for c in figure.axes[0].collections] == [2, 2]
    shown(figure)
    with pytest.raises(ValueError, match="no column 'rule'"):
        plots.draw_pareto(table, by="rule")


def test_quick_runs_are_hollow_and_no_part_of_the_front() -> None:
    table = pd.DataFrame({"wires": [1, 2, 3], "accuracy": [0.99, 0.6, 0.7], "run.quick": [True, False, None]})
    axes = plots.draw_pareto(table).axes[0]
    assert axes.lines[0].get_xydata().tolist() == [[2, 0.6], [3, 0.7]]
    faces = dict(zip(axes.collections[0].get_offsets()[:, 0], axes.collections[0].get_facecolors()[:, 3], strict=True))
    assert (faces[1], faces[2] > 0, faces[3] > 0) == (0, True, True)
    assert "hollow: quick, means nothing" in [text.get_text() for text in axes.get_legend().get_texts()]


def test_titles_say_that_a_run_is_quick(run: Run) -> None:
    quick = replace(run, config={**run.config, "run": {**run.config["run"], "quick": True}})
    for name in ("chip", "growth", "accuracy", "prices", "worth", "hops"):
        for one, said in ((quick, True), (run, False)):
            figure = ALL[name](one)
            titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
            assert any("a quick run: means nothing" in title for title in titles) == said


def test_a_matrix_of_many_tasks_is_a_picture_of_colours(run: Run, tables: Callable[..., Run]) -> None:
    for tasks, written in ((5, True), (13, True), (50, False)):
        rows = [(a, o, "class", "test", 0.9) for a in range(tasks) for o in range(a + 1)]
        table = pd.DataFrame(rows, columns=["after", "on", "setting", "split", "accuracy"])
        figure = plots.draw_accuracy_matrix(tables(run.config, {"evaluations": table}), "class")
        assert bool(figure.axes[0].texts) == written
        assert figure.get_figwidth() < 10
        labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
        assert len(labels) <= 20
        shown(figure)


def test_no_wire_of_the_chip_runs_over_neurons(run: Run) -> None:
    (axes,) = plots.draw_chip(run).axes
    _, tiles = (some for some in axes.collections if isinstance(some, PatchCollection))
    boxes = [path.get_extents() for path in tiles.get_paths()]
    (wires,) = (some.get_segments() for some in axes.collections if isinstance(some, LineCollection))
    assert len(boxes) == run.config["fabric"]["rows"] * run.config["fabric"]["cols"]
    assert len(wires)
    for box in boxes:
        inside = [
            (box.x0 + 1e-6 < (x + a) / 2 < box.x1 - 1e-6) and (box.y0 + 1e-6 < (y + b) / 2 < box.y1 - 1e-6)
            for wire in wires
            for (x, y), (a, b) in pairwise(wire)
        ]
        assert not any(inside)


def test_neurons_and_their_wires_have_the_colour_of_their_cluster(run: Run) -> None:
    alive = run.table("neurons").query("retired_round.isna()")
    hidden = alive.loc[alive["kind"] == "hidden", "neuron"].tolist()
    clusters = pd.Series({hidden[0]: 4, hidden[1]: 5})
    picture = chip_picture(run, clusters=clusters)
    labels = [key.label for panel in picture.panels for key in panel.keys]
    assert labels == ["cluster 4", "cluster 5", "in none", "output", "free slot"]
    (_, lines, _, _, neurons, outputs) = picture.panels[0].marks
    assert isinstance(neurons, Dots)
    assert isinstance(outputs, Dots)
    assert list(neurons.colours) == [task_colour(4), task_colour(5), *[OTHERS] * (len(hidden) - 2)]
    assert set(outputs.colours) == {OTHERS}
    assert isinstance(lines, Lines)
    links = run.table("links").query("kind == 'routed' and retired_round.isna()")
    assert sum(colour == task_colour(4) for colour in lines.colours) == (links["source"] == hidden[0]).sum() > 0
    shown(plots.draw_chip(run, clusters=clusters))


def test_wires_have_two_colourings(run: Run) -> None:
    with pytest.raises(ValueError, match="take task or load"):
        plots.draw_chip(run, wires="length")


def test_says_what_to_install_without_matplotlib(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(ValueError, match=r"smalti\[plot\]"):
        plots.draw_growth_timeline(run)
