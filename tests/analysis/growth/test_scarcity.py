"""A run on a chip that is full when its second task comes: what is told and drawn of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from smalti.analysis.growth import market, scarcity
from smalti.analysis.plots.drawing.figure import PALETTE
from smalti.analysis.plots.drawing.picture import Bars, Dots, Line, Text
from smalti.analysis.plots.scarcity import scarcity_picture
from smalti.analysis.report.parts import part
from smalti.analysis.runs import Run, load_run
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.runner import start

MakeConfig = Callable[..., Config]
SLOTS = 2 * 5

pytestmark = pytest.mark.filterwarnings("ignore:this chip has room for 1 of 2 experts")


@pytest.fixture(scope="module")
def full(tiny: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Neurons of the first task are bought back for the second."""
    folder = tmp_path_factory.mktemp("full") / "run"
    growth = {"when": "never", "seed_width": 2, "max_neurons": 2, "buy_back": {"by": "loss", "samples": 8}}
    config = tiny(fabric={"cols": 1, "neurons_per_tile": 5}, growth=growth, training={"rounds": 2, "steps": 20})
    start(config, folder, lambda simulation: None)
    return load_run(folder, keep=True)


def test_what_tasks_met_with_stands_in_the_order_in_which_they_came(full: Run) -> None:
    table, tried, neurons = scarcity.along(full), full.table("openings"), full.table("neurons")
    assert table.index.tolist() == [0, 1]
    assert table["step"].tolist() == ["seed", "seed"]
    assert table["refused"].tolist() == ["", tried["refused"].iloc[0]]
    bought = int(neurons["retired_round"].notna().sum())
    assert bought > 0
    assert table["bought"].tolist() == [0, bought]
    assert table["paid"].tolist() == [0.0, tried["paid"].max()]
    first = neurons[neurons["task"] == 0]
    assert table["used"].tolist() == [0.0, len(first) / SLOTS]  # those that were sold left in the round of the second
    prices = market.prices(full.table("bids"), "task")
    assert table["paid_max"].tolist() == prices["paid_max"].tolist()
    own = full.table("bids").query("won and task == 1")["price"]
    assert table.loc[1, "paid_mean"] == pytest.approx(own.mean())


def test_tasks_of_a_chip_with_room_were_refused_nothing(finished_run: Path) -> None:
    table = scarcity.along(load_run(finished_run))
    assert table["step"].tolist() == ["seed", "seed"]
    assert table["name"].tolist() == ["0", "1"]
    assert not table["refused"].any()
    assert not table["bought"].any()


def test_the_picture_marks_refusals_and_purchases(full: Run) -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    from smalti.analysis.plots import draw_scarcity

    table = scarcity.along(full)
    prices, openings, bars = scarcity_picture(full).panels
    dots = [mark for mark in (*prices.marks, *openings.marks) if isinstance(mark, Dots)]
    (refused,) = [mark for mark in dots if mark.colours == PALETTE[1] and mark.shape == "diamond"]
    assert list(refused.x) == [1]
    (used,) = [mark for mark in openings.marks if isinstance(mark, Line)]
    assert list(used.y) == np.repeat(table["used"], 2).tolist()
    (bought,) = [mark for mark in bars.marks if isinstance(mark, Bars)]
    assert list(bought.height) == table["bought"].tolist()
    assert [mark.text for mark in bars.marks if isinstance(mark, Text)] == [f"{table['paid'].iloc[1]:.2g}"]
    assert 10 ** np.asarray(dots[0].y) == pytest.approx(table["asked_mean"].to_numpy())
    assert len(draw_scarcity(full).axes) == 3


def test_the_report_draws_it_where_somebody_found_no_room(full: Run, finished_run: Path) -> None:
    pytest.importorskip("plotly", reason="reports need plotly")
    title = "A chip that fills up"
    assert title in [drawing.title for drawing in part("full", full).drawings]
    assert title not in [drawing.title for drawing in part("usual", load_run(finished_run, keep=True)).drawings]
