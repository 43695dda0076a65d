from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib", reason="pictures need matplotlib")

from smalti.analysis import plots
from smalti.analysis.chip import modules, structure
from smalti.analysis.plots.drawing.figure import task_colour
from smalti.analysis.plots.drawing.painted import painted
from smalti.analysis.plots.drawing.picture import Boxes, Cells, Dots, Line, Lines, Text
from smalti.analysis.plots.drawing.svg import svg
from smalti.analysis.plots.drawing.svg_layout import laid_out
from smalti.analysis.plots.wiring import chip_along
from smalti.analysis.plots.wiring.chip import OTHERS
from smalti.analysis.plots.wiring.chip_along import chip_along_picture
from smalti.analysis.plots.wiring.connectivity import connectivity_picture
from smalti.analysis.plots.wiring.modules import MEASURES, modules_beside_picture, modules_picture
from smalti.analysis.runs import Run, load_run


@pytest.fixture(scope="module")
def run(joint_run: Path) -> Run:
    return load_run(joint_run, keep=True)


@pytest.fixture(scope="module")
def found(run: Run) -> dict[int, pd.Series]:
    return modules.clusters_along(run)


@pytest.fixture(scope="module")
def table(run: Run) -> pd.DataFrame:
    return modules.along(run)


def shown(figure: Any) -> int:
    sink = io.BytesIO()
    figure.savefig(sink, format="png")
    return len(sink.getvalue())


def test_measures_along_training_are_those_of_the_table(run: Run, table: pd.DataFrame) -> None:
    figure = plots.draw_modules(run)
    upper, lower = figure.axes
    drawn = [line.get_ydata().tolist() for line in upper.lines if len(line.get_ydata()) == 3]
    assert drawn == [table[name].tolist() for name in MEASURES]
    assert [text.get_text() for text in upper.get_legend().get_texts()] == ["functional", "wiring", "anatomical"]
    assert lower.lines[0].get_ydata().tolist() == table["accuracy"].tolist()
    assert "training" in lower.get_ylabel()
    assert [tick.get_text() for tick in lower.get_xticklabels()] == ["0", "1", "2"]
    assert shown(figure) > 5000


def test_validation_is_shown_where_there_is_some(table: pd.DataFrame) -> None:
    table = table.assign(validation=[0.25, 0.5, 0.75])
    lower = modules_picture(table).panels[1]
    (line,) = (mark for mark in lower.marks if isinstance(mark, Line))
    assert np.asarray(line.y).tolist() == [0.25, 0.5, 0.75]
    assert "validation" in lower.y_label


def test_moments_without_clusters_interrupt_the_line(table: pd.DataFrame) -> None:
    table = table.copy()
    table.loc[1, list(MEASURES)] = np.nan
    assert shown(painted(modules_picture(table))) > 5000
    assert "nan" not in svg(modules_picture(table))


def test_beside_each_other_the_thick_line_is_the_mean(table: pd.DataFrame) -> None:
    one = table
    other = one.assign(functional_modularity=one["functional_modularity"] + 0.2)
    picture = modules_beside_picture({"a": [one, other], "b": [one]})
    assert [panel.y_label for panel in picture.panels[:3]] == list(MEASURES.values())
    lines = [mark for mark in picture.panels[0].marks if isinstance(mark, Line)]
    assert [line.width > 1 for line in lines] == [False, False, True, False, True]
    assert np.asarray(lines[2].y) == pytest.approx((one["functional_modularity"] + 0.1).to_numpy())
    assert [key.label for key in picture.panels[0].keys] == ["a", "b"]
    assert len({line.colour for line in lines}) == 2
    assert shown(plots.draw_modules_beside({"a": [one, other], "b": [one]})) > 5000


def test_the_chip_is_drawn_at_every_moment_in_the_colours_of_its_clusters(
    run: Run, found: dict[int, pd.Series]
) -> None:
    picture = chip_along_picture(run, found)
    assert len(picture.panels) == 3
    for number, panel in zip(found, picture.panels, strict=True):
        assert [mark.text for mark in panel.marks if isinstance(mark, Text)] == [f"after round {number}"]
        neurons = next(mark for mark in panel.marks if isinstance(mark, Dots) and mark.size == 6)
        hidden = run.at(number).table("neurons").query("kind == 'hidden' and retired_round.isna()")["neuron"]
        wanted = [task_colour(found[number][n]) if n in found[number] else OTHERS for n in hidden]
        assert list(neurons.colours) == wanted
    labels = [key.label for key in picture.panels[-1].keys]
    groups = sorted({group for own in found.values() for group in own})
    assert labels == [*(f"cluster {group}" for group in groups), "in none", "output", "free slot"]
    assert not picture.panels[0].keys
    assert shown(plots.draw_chip_along(run, rounds=(0, 2))) > 5000


def test_panels_of_the_chip_stand_below_each_other(run: Run, found: dict[int, pd.Series]) -> None:
    layout = laid_out(chip_along_picture(run, found))
    for upper, lower in zip(layout.frames, layout.frames[1:], strict=False):
        assert upper.top + upper.height <= lower.top + 1e-9
        assert (upper.left, upper.width, upper.height) == (lower.left, lower.width, pytest.approx(lower.height))
    assert layout.frames[-1].top + layout.frames[-1].height < layout.height
    words = svg(chip_along_picture(run, found))
    assert all(f"after round {number}" in words for number in found)


def test_of_many_moments_four_are_drawn_and_others_are_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="not keep what it was after round 7; there are the rounds 0, 1, 2"):
        plots.draw_chip_along(run, (0, 7))
    for there, wanted in ((range(16), [0, 5, 10, 15]), (range(3), [0, 1, 2]), ([4], [4])):
        monkeypatch.setattr(chip_along, "moments", lambda run, there=there: dict.fromkeys(there, run))
        assert chip_along.some_moments(run) == wanted


def test_weights_stand_by_cluster_with_borders_between(run: Run) -> None:
    clusters = modules.clusters(run)
    (panel,) = connectivity_picture(run, clusters).panels
    (cells,) = (mark for mark in panel.marks if isinstance(mark, Cells))
    order = clusters.sort_values(kind="stable")
    network = structure.graph(run)
    assert cells.values.shape == (len(clusters), len(clusters))
    drawn, whole = np.nan_to_num(cells.values), modules.weight_between(network, clusters.index.tolist())
    assert np.sort(drawn.ravel()) == pytest.approx(np.sort(whole.ravel()))
    within = order.to_numpy()[:, None] == order.to_numpy()
    own = clusters.to_numpy()[:, None] == clusters.to_numpy()
    assert drawn[within].sum() == pytest.approx(whole[own].sum())
    sizes = clusters.value_counts().sort_index()
    (borders,) = (mark for mark in panel.marks if isinstance(mark, Lines))
    places = {points[0][0] for points in borders.points if points[0][0] == points[1][0]}
    assert places == {-0.5, *(sizes.cumsum() - 0.5)}
    assert [name for _, name in panel.x_ticks or ()] == [str(cluster) for cluster in sizes.index]
    strips = [mark for mark in panel.marks if isinstance(mark, Boxes)]
    assert [list(strip.fills) for strip in strips] == [[task_colour(c) for c in sizes.index]] * 2
    assert shown(plots.draw_connectivity(run)) > 5000
    assert shown(plots.draw_connectivity(run.at(0), clusters)) > 5000


def test_where_nothing_weighs_anything_there_is_no_matrix(run: Run) -> None:
    clusters = modules.clusters(run)
    with pytest.raises(ValueError, match="no weight between its 1 clustered neurons"):
        plots.draw_connectivity(run, clusters.head(1))
