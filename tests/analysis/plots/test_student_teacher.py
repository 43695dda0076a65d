from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smalti.analysis.plots.drawing.figure import PALETTE, save_figure
from smalti.analysis.plots.student_teacher import draw_student_teacher

pytest.importorskip("matplotlib", reason="pictures need the extra `plot`")
from matplotlib.colors import to_hex


def numbers(rules: list[str], steps: list[int]) -> pd.DataFrame:
    rows = [(rule, step, 10.0**-number) for number, rule in enumerate(rules) for step in steps]
    table = pd.DataFrame(rows, columns=["variant", "step", "mean"])
    return table.assign(low=table["mean"] * 0.9, high=table["mean"] * 1.2)


def test_curves_and_last_values_stand_beside_each_other_in_the_same_colours() -> None:
    figure = draw_student_teacher(numbers(["a", "b"], [0, 10, 20]), numbers(["a", "b"], [20]), "title")
    left, right = figure.axes
    assert (left.get_yscale(), right.get_xscale()) == ("log", "log")
    curves = left.get_lines()
    np.testing.assert_array_equal(curves[1].get_xdata(), [0, 10, 20])
    np.testing.assert_allclose(curves[1].get_ydata(), 0.1)
    assert [to_hex(curve.get_color()).upper() for curve in curves] == list(PALETTE[:2])
    spans = [line for line in right.get_lines() if len(np.atleast_1d(line.get_xdata())) == 2]
    np.testing.assert_allclose(np.array(spans[1].get_xdata()), [0.09, 0.12])
    assert to_hex(spans[1].get_color()).upper() == PALETTE[1]
    assert [label.get_text() for label in right.get_yticklabels()] == ["a", "b"]


def test_the_same_picture_is_the_same_file(tmp_path: Path) -> None:
    curves, last = numbers(["a", "b"], [0, 10]), numbers(["a", "b"], [10])
    files = [tmp_path / name for name in ("one.svg", "two.svg", "three.png")]
    for file in files:
        save_figure(lambda: draw_student_teacher(curves, last, "title"), file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[2].read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="no known picture type"):
        save_figure(lambda: draw_student_teacher(curves, last, "title"), tmp_path / "four.xyz")
