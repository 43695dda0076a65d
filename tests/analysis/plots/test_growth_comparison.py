from __future__ import annotations

import pandas as pd
import pytest

pytest.importorskip("matplotlib", reason="pictures need matplotlib")

from smalti.analysis.plots.figure import PALETTE
from smalti.analysis.plots.growth_comparison import draw_growth

RULES = [f"rule{k}" for k in range(len(PALETTE) + 2)]


def table(setting: str, **columns: object) -> pd.DataFrame:
    common = {"setting": setting, "placement": "auction", "timing": "schedule"}
    return pd.DataFrame({"rule": RULES, **common, **columns})


def test_a_row_for_each_setting_and_no_two_curves_alike() -> None:
    curves = pd.concat(
        table(setting, step=step, mean=0.01 * step, low=0.0, high=1.0) for setting in ("a", "b") for step in (10, 20)
    )
    differences = pd.concat(
        table(setting, metric=metric, mean=0.02, low=-0.01, high=0.05)
        for setting in ("a", "b")
        for metric in ("accuracy", "accuracy_after")
    )
    figure = draw_growth(curves, differences)
    lefts, rights = figure.axes[::2], figure.axes[1::2]
    assert [axes.get_title(loc="left") for axes in lefts] == ["a", "b"]
    for axes in lefts:
        looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
        assert len(looks) == len(axes.lines) == len(RULES)
        assert axes.lines[0].get_ydata().tolist() == [10, 20]
    for axes in rights:
        assert [label.get_text() for label in axes.get_yticklabels()] == [f"{r}, auction, schedule" for r in RULES]
        assert len(axes.lines) == 1 + 2 * 2 * len(RULES)
        assert axes.lines[0].get_xdata()[0] == pytest.approx(-1)
