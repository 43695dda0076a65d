from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("matplotlib", reason="pictures need matplotlib")

from matplotlib.text import Text

from smalti.analysis.plots.drawing.figure import new_figure
from smalti.analysis.plots.drawing.looks import apart, label_ends, looks


def test_no_two_of_thirty_look_alike() -> None:
    known = looks(range(30))
    assert len({(one.colour, one.style) for one in known.values()}) == 30
    assert len({(one.colour, one.dash) for one in known.values()}) == 30


def test_a_look_depends_on_the_place_among_all_names() -> None:
    assert looks(["a", "b", "a", "c"]) == looks(["a", "b", "c"])


@given(st.lists(st.floats(0, 1), max_size=30).map(sorted))
def test_labels_keep_their_order_and_do_not_overlap(places: list[float]) -> None:
    moved = apart(places, 0.03)
    assert len(moved) == len(places)
    assert all(after - before >= 0.03 - 1e-9 for before, after in pairwise(moved))
    if all(after - before >= 0.03 for before, after in pairwise(places)):
        assert moved == pytest.approx(places)


def test_lines_are_named_at_their_ends_in_their_colours() -> None:
    figure = new_figure(6, 4)
    axes = figure.subplots()
    names = [f"variant {number}" for number in range(22)]
    known = looks(names)
    for number, name in enumerate(names):
        axes.plot([0, 1], [0, 0.9 + 0.001 * number], color=known[name].colour)
    figure.draw_without_rendering()
    label_ends(axes, [(1.0, 0.9 + 0.001 * number, name, known[name].colour) for number, name in enumerate(names)], 6)
    figure.draw_without_rendering()
    assert [text.get_text() for text in axes.texts] == names
    assert [text.get_color() for text in axes.texts] == [known[name].colour for name in names]
    boxes = [Text.get_window_extent(text) for text in axes.texts]  # without the lines that lead to them
    assert all(below.y1 <= above.y0 + 1 for below, above in pairwise(boxes))
    assert all(box.x0 >= axes.get_window_extent().x1 for box in boxes)


def test_a_name_with_dollars_is_no_formula() -> None:
    figure = new_figure(4, 3)
    axes = figure.subplots()
    label_ends(axes, [(0.5, 0.5, r"$\nothing$", "black")])
    figure.draw_without_rendering()
