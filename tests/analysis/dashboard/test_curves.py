from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from smalti.analysis.dashboard.curves import curves_figure
from smalti.analysis.dashboard.replay import recorded


def test_four_panels_of_what_was_measured(played: Any) -> None:
    view = played.views[-1]
    loss, accuracy, neurons, wires = curves_figure(view).axes
    for axes, name in ((loss, "loss"), (accuracy, "accuracy"), (neurons, "neurons"), (wires, "wires")):
        line = axes.lines[0]
        assert tuple(np.asarray(line.get_xdata())) == view.curves.rounds
        assert tuple(np.asarray(line.get_ydata())) == view.curves.columns[name]
        assert [list(np.asarray(other.get_xdata())) for other in axes.lines[1:]] == [[2.5, 2.5]]  # a task begins


def test_panels_are_named_as_the_run_names_its_numbers(played: Any, timed_run: Path) -> None:
    usual, timed = played.views[-1], recorded(timed_run).at(0)
    named = [[axes.get_title(loc="left") for axes in curves_figure(view).axes[:2]] for view in (usual, timed)]
    assert named == [["training loss, nats", "accuracy"], ["training loss, squared error", "trials answered rightly"]]


def test_an_earlier_round_is_marked(folder: Path) -> None:
    axes = curves_figure(recorded(folder).at(1)).axes[0]
    assert [list(np.asarray(line.get_xdata())) for line in axes.lines[1:]] == [[2.5, 2.5], [1, 1]]


def test_validation_joins_where_it_was_asked(played: Any) -> None:
    from dataclasses import replace

    view = played.views[-1]
    columns = {**view.curves.columns, "validation": (0.5,) * 6}
    figure = curves_figure(replace(view, curves=replace(view.curves, columns=columns)))
    assert list(np.asarray(figure.axes[1].lines[1].get_ydata())) == [0.5] * 6
