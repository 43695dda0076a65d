"""Pictures as SVG: what is on them stands where it should, and says what matplotlib's figure of them says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from smalti.analysis.anew import activity
from smalti.analysis.chip import modules
from smalti.analysis.plots.auctions import worth_picture
from smalti.analysis.plots.drawing.picture import (
    Bars,
    Boxes,
    Cells,
    Dots,
    Key,
    Line,
    Lines,
    Panel,
    Picture,
    Scale,
    Span,
    Text,
)
from smalti.analysis.plots.drawing.svg import svg
from smalti.analysis.plots.drawing.svg_layout import laid_out
from smalti.analysis.plots.raster import raster_picture
from smalti.analysis.plots.reuse import reuse_picture
from smalti.analysis.plots.switches import switches_picture
from smalti.analysis.plots.wiring.chip import chip_picture
from smalti.analysis.plots.wiring.chip_along import chip_along_picture
from smalti.analysis.plots.wiring.connectivity import connectivity_picture
from smalti.analysis.plots.wiring.hops import hops_picture
from smalti.analysis.plots.wiring.modules import modules_picture
from smalti.analysis.runs import load_run

NAME = "{http://www.w3.org/2000/svg}"
Element = ElementTree.Element


def one(*marks: object, **more: object) -> Picture:
    panel = {"x": (0.0, 10.0), "y": (0.0, 4.0), "x_label": "across", "y_label": "up", **more}
    return Picture(title="a < b & c", panels=[Panel(marks=marks, **panel)], width=5, height=3)  # type: ignore[arg-type]


def elements(picture: Picture, tag: str) -> list[Element]:
    return list(ElementTree.fromstring(svg(picture)).iter(f"{NAME}{tag}"))


def paths(picture: Picture, colour: str) -> list[str]:
    """Data of the paths of a colour."""
    return [str(path.get("d")) for path in elements(picture, "path") if colour in str(path.get("style"))]


def numbers(data: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?[\d.]+", data)]


def test_a_line_goes_through_its_points_and_is_interrupted_where_there_is_none() -> None:
    picture = one(Line(x=[0, 5, 5, 10], y=[0, 2, np.nan, 4], colour="#123456"))
    (frame,), (data,) = laid_out(picture).frames, paths(picture, "#123456")
    right, bottom = frame.left + frame.width, frame.top + frame.height
    ends = [frame.left, bottom, frame.left + frame.width / 2, frame.top + frame.height / 2, right, frame.top]
    assert numbers(data) == pytest.approx(ends, abs=0.06)
    assert re.sub(r"[\d. ]", "", data) == "MLM"


def test_bars_stand_on_each_other() -> None:
    low, high = Bars(x=[2, 4], height=[1, 2], colours="#111213"), Bars(x=[2], height=[1], bottom=[1], colours="#a1b2c3")
    picture = one(low, high)
    (frame,) = laid_out(picture).frames
    (below,), (above,) = paths(picture, "#111213"), paths(picture, "#a1b2c3")
    x, upper, right, lower, _ = numbers(above)
    assert [x, right] == pytest.approx(frame.x([1.6, 2.4]).tolist(), abs=0.06)
    assert [lower, upper] == pytest.approx(frame.y([1, 2]).tolist(), abs=0.06)
    assert below.count("M") == 2


def test_dots_have_their_colours_and_shapes() -> None:
    dots = Dots(x=[1, 2, 3], y=[1, 1, 1], colours=["#123456", "#654321", "#123456"])
    picture = one(dots, Dots(x=[5], y=[3], colours="#aa0011", shape="dash", size=8))
    assert [paths(picture, colour)[0].count("M") for colour in ("#123456", "#654321")] == [2, 1]
    x, y, length = numbers(paths(picture, "#aa0011")[0])
    (frame,) = laid_out(picture).frames
    assert (x, y + length / 2) == pytest.approx((frame.x(5), frame.y(3)), abs=0.1)


def test_what_is_not_finite_is_not_drawn() -> None:
    x, y = [1, 2, 3, 4], [1, np.nan, np.inf, 2]
    picture = one(
        Dots(x=x, y=y, colours=["#123456"] * 4), Dots(x=x, y=y, colours="#654321"), Line(x=x, y=y, colour="#aa0011")
    )
    assert [paths(picture, colour)[0].count("M") for colour in ("#123456", "#654321", "#aa0011")] == [2, 2, 2]
    assert "nan" not in svg(picture)
    assert "inf" not in svg(picture)


def test_a_raster_of_no_neuron_has_an_empty_row() -> None:
    spikes = pd.DataFrame({"sample": [0], "kind": ["input"], "unit": [1], "step": [2]})
    nobody = pd.DataFrame({"neuron": [], "tile": [], "slot": [], "task": []}, dtype=int)
    raster = activity.Raster(spikes=spikes, neurons=nobody, labels=(3,), task=0, steps=5, channels=4)
    above, below = laid_out(raster_picture(raster)).frames
    assert (above.along, below.along) == ((0.5, -0.5), (3.5, -0.5))
    assert paths(raster_picture(raster), "#333333")[0].count("M") == 1


def test_many_lines_are_paths_of_their_own_in_a_group_for_each_colour() -> None:
    lines = Lines(points=[[(0, 0), (1, 1)]] * 3, colours=["#123456", "#654321", "#123456"], width=1, alpha=0.5)
    groups = elements(one(lines), "g")
    assert [len(group) for group in groups] == [2, 1]
    assert "#123456" in str(groups[0].get("style"))


def test_cells_are_coloured_where_there_are_values() -> None:
    cells = Cells(values=np.array([[0.0, np.nan], [2.0, 1.0]]), ramp="cividis_r", most=2)
    scale = Scale(ramp="cividis_r", most=2, ticks=[(0, "none"), (2, "all")], label="how much")
    picture = one(cells, x=(-0.5, 1.5), y=(1.5, -0.5), scale=scale)
    (frame,) = laid_out(picture).frames
    first = next(data for data in paths(picture, "#fee838") if data.count("H") == 2)  # no part of the scale
    assert numbers(first)[:2] == pytest.approx([frame.left, frame.top], abs=0.06)
    assert {"none", "all", "how much"} <= {str(text.text) for text in elements(picture, "text")}


def test_boxes_are_round_where_asked() -> None:
    look = {"x": [1], "y": [1], "width": 2, "height": 1, "fills": ["#123456"], "edge": "#555555", "edge_width": 1}
    assert paths(one(Boxes(**look)), "#123456")[0].count("a") == 0  # type: ignore[arg-type]
    assert paths(one(Boxes(**look, rounding=0.2)), "#123456")[0].count("a") == 4  # type: ignore[arg-type]


def test_a_span_is_as_high_as_its_panel() -> None:
    picture = one(Span(first=2, last=3, colour="#123456"))
    (frame,), (data,) = laid_out(picture).frames, paths(picture, "#123456")
    left, top, right, height, _ = numbers(data)
    assert [left, right] == pytest.approx(frame.x([2, 3]).tolist(), abs=0.06)
    assert [top, height] == pytest.approx([frame.top, frame.height], abs=0.06)


def test_letters_are_no_markup_and_all_of_them_are_there() -> None:
    keys = [Key(label="<i>one</i>", colour="#123456", kind="line")]
    picture = one(Text(x=1, y=1, text="here"), keys=keys)
    texts = [text.text for text in elements(picture, "text")]
    assert texts[0] == "a < b & c"
    ticks = {*("0.0", "2.5", "5.0", "7.5", "10.0"), *"01234"}
    assert set(texts) == {"a < b & c", "across", "up", "<i>one</i>", "here"} | ticks


def test_the_same_picture_is_the_same_text() -> None:
    assert svg(one(Text(x=1, y=1, text="x"))) == svg(one(Text(x=1, y=1, text="x")))


@pytest.mark.parametrize("place", ["inside", "above", "right", "below"])
def test_a_legend_lies_where_it_should_and_on_the_picture(place: str) -> None:
    keys = [Key(label=f"entry {number}", colour="#123456") for number in range(5)]
    picture = one(keys=keys, keys_at=place, columns=3)
    layout = laid_out(picture)
    (frame,) = layout.frames
    for text in elements(picture, "text"):
        if str(text.text).startswith("entry"):
            x, y = float(str(text.get("x"))), float(str(text.get("y")))
            right, bottom = frame.left + frame.width, frame.top + frame.height
            inside = frame.left < x < right and frame.top < y < bottom
            there = {"inside": inside, "above": y < frame.top, "right": x > right, "below": y > bottom}
            assert there[place]
            assert 0 < x < layout.width


def test_panels_below_each_other_have_one_x_and_those_beside_each_other_do_not_overlap() -> None:
    panels = [Panel(marks=(), x=(0, 1), y=(0, high), y_label="y", ratio=high) for high in (1, 2)]
    upper, lower = laid_out(Picture(title="t", panels=panels, width=4, height=4)).frames
    assert (upper.left, upper.width) == (lower.left, lower.width)
    assert lower.height == pytest.approx(2 * upper.height)
    assert upper.top + upper.height < lower.top
    left, right = laid_out(Picture(title="t", panels=panels, width=4, height=4, beside=True)).frames
    assert left.left + left.width < right.left


@pytest.fixture(scope="module")
def fed_back(tables: Callable[..., object]) -> object:
    columns = ["after", "on", "split", "believed", "expert", "trials", "found", "kept"]
    rows = [(0, 0, "test", 1, 0, 3, True, 1.0), (0, 1, "test", 0, 1, -1, False, 0.0)]
    return tables({"gating": {"belief": {}}}, {"switches": pd.DataFrame(rows, columns=columns)})


PICTURES: dict[str, Callable[[Path, Path], Picture]] = {
    "chip": lambda run, _: chip_picture(load_run(run)),
    "hops": lambda run, _: hops_picture(load_run(run), activity.spikes_per_sample(load_run(run))),
    "worth": lambda run, _: worth_picture(load_run(run)),
    "raster": lambda run, _: raster_picture(activity.spikes_of(load_run(run), 0)),
    "reuse": lambda _, timed: reuse_picture(load_run(timed)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_it_says_what_the_figure_says(finished_run: Path, timed_run: Path, name: str) -> None:
    compare(PICTURES[name](finished_run, timed_run))


def test_modules_along_training_say_what_the_figures_say(joint_run: Path) -> None:
    run = load_run(joint_run)
    clusters = modules.clusters_along(run)
    compare(modules_picture(modules.along(run)))
    compare(chip_along_picture(run, clusters))
    compare(connectivity_picture(run, clusters[2]))


def test_blocks_of_trials_say_what_the_figure_says(fed_back: object) -> None:
    compare(switches_picture(fed_back))  # type: ignore[arg-type]


def compare(picture: Picture) -> None:
    """The SVG has all the words of matplotlib's figure, apart from numbers at ticks, and lies within its borders."""
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    from smalti.analysis.plots.drawing.painted import painted

    figure = painted(picture)
    words = [figure.get_suptitle()]
    for axes in figure.axes:
        words += [axes.get_title(), axes.get_ylabel(), axes.get_xlabel(), *(text.get_text() for text in axes.texts)]
        words += [text.get_text() for text in axes.get_legend().get_texts()] if axes.get_legend() else []
    known = {line for text in words for line in text.split("\n") if line}
    layout, shown = laid_out(picture), elements(picture, "text")
    assert known <= {str(text.text) for text in shown}
    assert all(-1 <= float(str(text.get("x"))) <= layout.width + 1 for text in shown)
    assert all(-1 <= float(str(text.get("y"))) <= layout.height + 1 for text in shown)
