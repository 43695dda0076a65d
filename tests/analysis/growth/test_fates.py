from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from smalti.analysis.growth import fates
from smalti.analysis.plots.drawing.svg import svg
from smalti.analysis.plots.fates import fates_picture
from smalti.analysis.report.parts import part
from smalti.analysis.runs import Run, load_run
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.runner import start

NEURONS = pd.DataFrame({"neuron": [0, 1, 2, 3], "rule": ["seed", "seed", "gradmax", "gradmax"]})
ROWS = [  # round, neuron, age, gradients, worth, of a loss of 2
    (0, 0, 0, 1.0, 1.0, 0.5),
    (0, 1, 0, 3.0, 1.0, 0.0),
    (1, 0, 1, 1.0, 1.0, 0.5),
    (1, 1, 1, 3.0, 1.0, 0.019),
    (1, 2, 0, 0.0, 4.0, 0.0),
    (2, 0, 2, 2.0, 2.0, 0.5),
    (2, 1, 2, 4.0, 2.0, 0.01),
    (2, 2, 1, 1.5, 1.0, 0.02),
    (2, 3, 0, 0.0, 5.0, 0.0),
]
TABLE = pd.DataFrame(ROWS, columns=["round", "neuron", "age", "gradient_in", "gradient_out", "worth"])


@pytest.fixture
def made(tables: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(tables, "tables", ("fates", "neurons"), raising=False)
    return tables({}, {"fates": TABLE.assign(task=7, loss=2.0), "neurons": NEURONS})


def test_who_ever_mattered_and_how_soon(made: Run) -> None:
    ends = fates.fates(made)
    assert ends["grown"].tolist() == [False, False, True, True]
    assert ends["matters"].tolist() == [True, False, True, False]
    assert ends["after"].fillna(-1).tolist() == [0, -1, 1, -1]
    assert ends["last"].tolist() == pytest.approx([0.25, 0.005, 0.01, 0.0])
    assert ends["task"].tolist() == [7] * 4


def test_gradients_are_multiples_of_those_that_were_there_before(made: Run) -> None:
    ages = fates.by_age(made)
    assert ages.index.tolist() == [0, 1]
    assert ages["newborns"].tolist() == [2, 1]
    assert ages["gradient_in"].tolist() == [0.0, 1.5 / 3]
    third = 5.0 / ((2 + 2 + 1) / 3)  # of whose incumbents one was itself a newborn
    assert ages.loc[0, "gradient_out"] == pytest.approx((4 / 1 + third) / 2)
    assert ages["worth"].tolist() == [0.0, 0.01]


def test_a_ratio_to_nothing_is_no_number(tables: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """Incumbents without a gradient in the last round, and a loss of 0 in the one before."""
    monkeypatch.setattr(tables, "tables", ("fates", "neurons"), raising=False)
    none = TABLE.assign(task=7, loss=np.where(TABLE["round"] == 1, 0.0, 2.0))
    none.loc[(none["round"] == 2) & (none["neuron"] < 2), "gradient_in"] = 0.0
    run = tables({}, {"fates": none, "neurons": NEURONS})
    ages = fates.by_age(run)
    assert ages["newborns"].tolist() == [2, 1]
    assert ages["gradient_in"].isna().tolist() == [False, True]
    assert np.isfinite(ages["gradient_out"]).all()
    assert fates.fates(run)["matters"].tolist() == [True, True, True, False]  # the second: what rose was from nothing
    assert "at age 1" not in fates.told(run)
    (gradients, _) = fates_picture(run).panels
    assert np.isfinite([*gradients.x, *gradients.y]).all()
    ElementTree.fromstring(svg(fates_picture(run)))
    assert "nan" not in svg(fates_picture(run))


def test_the_sentence_has_all_of_it(made: Run) -> None:
    said = fates.told(made)
    assert said.startswith("1 of 2 newborns ever mattered (silent, they cost their expert 1% of its loss or more)")
    assert "the first time 1 rounds after birth in the median; of the neurons of seeds 1 of 2." in said
    assert said.endswith("was 0.50 of the incumbents' at age 1, 0.50 at age 1.")


def test_it_is_drawn_and_told_in_the_report(tiny: Callable[..., Config], tmp_path: Path, finished_run: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    pytest.importorskip("plotly", reason="reports need plotly")
    from smalti.analysis.plots import draw_fates

    growth = {"when": "schedule", "every": 1, "until": 1.0, "fates": True}
    start(tiny(growth=growth), tmp_path / "run", lambda simulation: None)
    run = load_run(tmp_path / "run", keep=True)
    left, right = draw_fates(run).axes
    ages, ends = fates.by_age(run), fates.fates(run)
    assert left.lines[1].get_ydata().tolist() == ages["gradient_in"].tolist()  # after the level of incumbents
    newborn = ends[ends["grown"]]
    assert right.lines[0].get_ydata().max() == pytest.approx(newborn["matters"].mean())
    (drawing,) = [one for one in part("run", run).drawings if one.title == "What becomes of newborns"]
    assert drawing.caption == fates.told(run)
    with pytest.raises(ValueError, match=r"has no fates of newborns: set growth\.fates"):
        draw_fates(load_run(finished_run))
    assert math.isfinite(newborn["last"].sum())
