from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib", reason="pictures need matplotlib")

from smalti.analysis.plots.drawing.figure import PALETTE
from smalti.analysis.plots.experiment import draw_accuracies, draw_curves

VARIANTS = [f"rule{k}" for k in range(len(PALETTE) + 2)]


def table(stream: str, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"variant": VARIANTS, "stream": stream, **columns})


def test_curves_of_each_stream_and_no_two_alike() -> None:
    curves = pd.concat(
        table(stream, step=step, mean=0.01 * step, low=0.0, high=1.0) for stream in ("a", "b") for step in (10, 20)
    )
    differences = pd.concat(
        table(stream, metric=metric, control_name="c", mean=0.02, low=-0.01, high=0.05)
        for stream in ("a", "b")
        for metric in ("accuracy", "accuracy_after")
    )
    figure = draw_curves(curves, pd.concat([differences, differences.assign(control_name="d", mean=0.9)]))
    lefts, rights = figure.axes[::2], figure.axes[1::2]
    assert [axes.get_title(loc="left") for axes in lefts] == ["a", "b"]
    for axes in lefts:
        looks = {(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}
        assert len(looks) == len(VARIANTS)
        np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), [10.0, 20.0])
        assert sorted(text.get_text() for text in axes.texts) == sorted(VARIANTS)
    for axes in rights:
        assert [label.get_text() for label in axes.get_yticklabels()] == VARIANTS
        dots = [line for line in axes.get_lines() if line.get_marker() == "o"]
        assert len(dots) == 2 * len(VARIANTS)  # of the first control alone
        assert {float(np.asarray(dot.get_xdata()).item()) for dot in dots} == {2.0}


def test_a_variant_keeps_its_colour_where_others_are_missing() -> None:
    names = ["a", "b", "c"]
    rows = [(name, stream) for stream, own in (("one", names), ("two", ["c", "b"])) for name in own]
    summary = pd.DataFrame(rows, columns=["variant", "stream"]).assign(setting="class", metric="accuracy")
    matrices = pd.concat(
        summary.drop(columns="metric").assign(seed=0, after=after, on=0, value=0.5) for after in (0, 1)
    )
    figure = draw_accuracies(summary.assign(mean=0.9, low=0.8, high=1.0), matrices)
    one, two = ({text.get_text(): text.get_color() for text in axes.texts} for axes in (figure.axes[1], figure.axes[3]))
    assert set(one) == set(names)
    assert two == {name: one[name] for name in ("b", "c")}
    dots = {line.get_color() for line in figure.axes[2].get_lines() if line.get_marker() == "o"}
    assert dots == set(two.values())


def test_accuracies_at_the_end_and_along_the_tasks() -> None:
    scopes = [("digits", "class"), ("digits", "task")]
    summary = pd.concat(
        table(stream, setting=setting, metric="accuracy", mean=0.9, low=0.8, high=1.0) for stream, setting in scopes
    )
    matrices = pd.concat(
        table(stream, setting=setting, seed=0, after=after, on=on, value=0.5 + 0.1 * after)
        for stream, setting in scopes
        for after in (0, 1)
        for on in (0, 1)
    )
    figure = draw_accuracies(summary, matrices)
    left, right = figure.axes[:2]
    assert left.get_title(loc="left") == "digits, class"
    assert [label.get_text() for label in left.get_yticklabels()] == VARIANTS
    np.testing.assert_allclose(right.get_lines()[0].get_ydata(), [50.0, 60.0])  # what was not learned yet is left out
    assert len(figure.axes) == 4
