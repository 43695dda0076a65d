from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib", reason="pictures need matplotlib")

from smalti.analysis.plots import draw_switches
from smalti.analysis.plots.switches import NUMBERED

COLUMNS = ["after", "on", "split", "believed", "expert", "trials", "found", "kept"]


def made(tables: Callable[..., Any], rows: list[tuple[object, ...]]) -> Any:
    return tables({"gating": {"belief": {}}}, {"switches": pd.DataFrame(rows, columns=COLUMNS)})


def test_a_square_for_every_pair(tables: Callable[..., Any]) -> None:
    rows: list[tuple[object, ...]] = [
        (0, 0, "test", 1, 0, 3, True, 1.0),
        (0, 1, "test", 0, 1, 40, False, 1.0),
        (0, 2, "test", 0, 2, -1, False, 0.0),
        (0, 2, "validation", 1, 2, 5, True, 1.0),
    ]
    axes, _ = (figure := draw_switches(made(tables, rows))).axes
    drawn = np.ma.filled(axes.images[0].get_array(), np.nan)
    np.testing.assert_array_equal(drawn, [[np.nan, 20, 20], [3, np.nan, np.nan]])
    texts = {text.get_text(): tuple(text.get_position()) for text in axes.texts}
    assert texts == {"3": (0, 1), "40": (1, 0), "never": (2, 0)}
    (never,) = axes.collections
    assert [path.get_extents().bounds for path in never.get_paths()] == [(1.5, -0.5, 1, 1)]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "1"]
    figure.canvas.draw()


def test_many_experts_have_colours_alone(tables: Callable[..., Any]) -> None:
    many = NUMBERED + 1
    rows = [(0, k, "test", j, k, 1, True, 1.0) for j in range(many) for k in range(many) if j != k]
    assert not draw_switches(made(tables, rows)).axes[0].texts  # type: ignore[arg-type]


def test_without_blocks_there_is_nothing_to_draw(tables: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"no blocks of trials in which feedback chose experts"):
        draw_switches(made(tables, []))
