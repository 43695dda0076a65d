from __future__ import annotations

import re
from pathlib import Path

import pytest

from smalti.analysis.outcomes import accuracies
from smalti.analysis.report import missing_packages
from smalti.analysis.report.activity import TRIALS
from smalti.analysis.report.page import report
from smalti.analysis.report.parts import Part, part
from smalti.analysis.runs import load_run, load_runs

pytestmark = pytest.mark.skipif(bool(missing_packages()), reason="reports need the extra `report`")


@pytest.fixture(scope="module")
def timed(timed_run: Path) -> Part:
    return part("timed", load_run(timed_run, keep=True))


def test_trials_stand_for_the_sample(timed: Part, finished_run: Path) -> None:
    titles = [drawing.title for drawing in timed.drawings]
    assert [title for title in titles if "trial" in title] == [
        "A trial of fdgo",
        "A trial of delaygo",
        "A trial of dm1",
    ]
    assert TRIALS == 3
    assert "One sample" not in titles
    usual = part("usual", load_run(finished_run, keep=True))
    assert "One sample" in [drawing.title for drawing in usual.drawings]
    assert not usual.openings


def test_pictures_of_trials_are_small(timed: Part) -> None:
    assert all(len(drawing.svg) < 120_000 for drawing in timed.drawings if "trial" in drawing.title)


def test_how_tasks_opened_is_told_and_drawn(timed: Part) -> None:
    assert [row["task"] for row in timed.openings] == ["0 fdgo", "1 delaygo", "2 dm1"]
    assert "Reuse and births" in [drawing.title for drawing in timed.drawings]


def test_the_last_row_of_a_matrix_is_novel_data(timed: Part, timed_run: Path) -> None:
    novel = accuracies(load_run(timed_run), "task", "novel").iloc[-1]
    name, cells, mean, _ = timed.matrices[0].rows[-1]
    assert (name, cells) == ("novel data", novel.tolist())
    assert mean == pytest.approx(novel.mean())


def test_the_page_speaks_of_the_runs_own_loss_and_score(timed_run: Path) -> None:
    page = report(load_runs(timed_run, keep=True))
    text = re.sub(
        r"<pre>.*?</pre>", "", page[: page.index('id="plotly"')], flags=re.DOTALL
    )  # the configuration's words
    assert "Trials answered rightly on test data" in text
    assert "squared error per sample" in text
    assert "nats" not in text
    assert "<h2>How tasks opened</h2>" in text
