from __future__ import annotations

import re
from pathlib import Path

import pytest

from smalti.analysis.chip import modules
from smalti.analysis.measures import switches
from smalti.analysis.outcomes import accuracies
from smalti.analysis.report import missing_packages, words
from smalti.analysis.report.activity import TRIALS
from smalti.analysis.report.page import report
from smalti.analysis.report.parts import Part, part
from smalti.analysis.runs import load_run, load_runs
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.runner import start

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


@pytest.fixture(scope="module")
def fed_back(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over three tasks, whose experts are found by feedback alone."""
    path = tmp_path_factory.mktemp("fed-back") / "run"
    options = {
        "stream.cognitive.tasks": ("fdgo", "fdanti", "dm1"),
        "stream.cognitive.trials": 64,
        "stream.cognitive.rule": "hidden",
        "training": {"rounds": 2, "steps": 20, "restarts": ()},
        "growth.when": "never",
        "growth.reuse.by": "none",
    }
    start(configure("cognitive", options), path, lambda simulation: None)
    return path


def test_how_soon_feedback_finds_the_right_expert(fed_back: Path, timed: Part) -> None:
    run = load_run(fed_back, keep=True)
    told, blocks = part("fed back", run), switches.last(run)
    assert len(blocks) == 6
    assert [key.note for key in told.found] == ["of six blocks of test trials", "median over the blocks"]
    assert told.found[0].value == words.percent(float(blocks["found"].mean()))
    (drawing,) = told.blocks
    assert drawing.svg.count("right expert") == 2  # axis and title
    page = report(load_runs(fed_back, keep=True))
    assert page.count("<h2>How soon the right expert answers</h2>") == 1
    assert "found within 20 trials" in page
    assert (timed.found, timed.blocks) == ([], [])


def test_runs_that_feedback_tells_nothing_have_no_such_section(timed_run: Path) -> None:
    assert "How soon the right expert answers" not in report(load_runs(timed_run, keep=True))


def test_functional_modules_are_drawn_where_there_are_snapshots(joint_run: Path, timed: Part) -> None:
    wanted = ["Functional modules along training", "Clusters on the chip", "Weights by cluster"]
    told = part("joint", load_run(joint_run, keep=True))
    drawings = {drawing.title: drawing.svg for drawing in told.drawings}
    assert [title for title in drawings if title in wanted] == wanted
    assert all(f"after round {number}" in drawings["Clusters on the chip"] for number in range(3))
    assert "cluster 0" in drawings["Clusters on the chip"]
    assert not {*wanted} & {drawing.title for drawing in timed.drawings}


def test_where_there_never_are_clusters_there_are_no_pictures_of_them(
    joint_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modules, "FEWEST", 1000)
    titles = {drawing.title for drawing in part("joint", load_run(joint_run, keep=True)).drawings}
    assert "Clusters on the chip" not in titles
    assert "How far links go" in titles
