from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib", reason="pictures need matplotlib")

from smalti.analysis.chip.structure import graph
from smalti.analysis.growth import reuse
from smalti.analysis.plots import draw_reuse
from smalti.analysis.plots.reuse import THICK
from smalti.analysis.runs import Run, load_run


@pytest.fixture(scope="module")
def run(timed_run: Path) -> Run:
    return load_run(timed_run, keep=True)


def test_an_arc_for_every_pair_as_wide_as_its_taps(run: Run) -> None:
    figure, heard = draw_reuse(run), reuse.heard(graph(run))
    arcs = [line for line in figure.axes[0].lines if len(line.get_xdata()) > len(run.table("openings"))]
    ends = [(round(min(line.get_xdata())), round(max(line.get_xdata()))) for line in arcs]
    assert ends == list(zip(heard["source"], heard["target"], strict=True))  # tasks come in the order of their numbers
    np.testing.assert_allclose([line.get_linewidth() for line in arcs], THICK * heard["taps"] / heard["taps"].max())
    assert [text.get_text() for text in figure.axes[0].texts] == [str(taps) for taps in heard["taps"]]
    figure.canvas.draw()


def test_who_is_lent_is_a_dashed_arc(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuse, "lent", lambda run: pd.DataFrame({"source": [0], "target": [2]}))
    dashed = [line for line in draw_reuse(run).axes[0].lines if line.get_linestyle() == "--"]
    assert [(min(line.get_xdata()), max(line.get_xdata())) for line in dashed] == [(0, 2)]


def test_bars_are_births_named_by_task(run: Run) -> None:
    axes, born = draw_reuse(run, graph(run)).axes[1], reuse.births(run)
    seeds, grown = axes.containers
    assert [bar.get_height() for bar in seeds] == born["seed"].tolist()
    assert [bar.get_height() for bar in grown] == born["grown"].tolist()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["fdgo", "delaygo", "dm1"]


def test_nothing_to_draw_without_openings(finished_run: Path) -> None:
    with pytest.raises(ValueError, match=r"no task tried what there was \(growth.reuse.by\)"):
        draw_reuse(load_run(finished_run))
