from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from smalti.analysis.findings.look import findings
from smalti.analysis.outcomes import accuracy, resources
from smalti.analysis.report import words
from smalti.analysis.runs import Run, load_run
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.runner import start
from smalti.scheduler.simulation import Simulation


@pytest.fixture(scope="module")
def run(finished_run: Path) -> Run:
    return load_run(finished_run, keep=True)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (words.percent(0.9842), "98.4 %"),
        (words.percent(math.nan), "-"),
        (words.number(1234.56), "1,234.6"),
        (words.number(math.nan), "-"),
        (words.duration(3.14), "3.1 s"),
        (words.duration(119.9), "119.9 s"),
        (words.duration(1800), "30 min"),
        (words.duration(5400), "1 h 30 min"),
        (words.several(5, "round"), "five rounds"),
        (words.several(13, "task"), "13 tasks"),
        (words.several(1, "task"), "one task"),
    ],
)
def test_numbers_are_said_plainly(said: str, text: str) -> None:
    assert said == text


def test_the_summary_says_what_the_tables_say(run: Run) -> None:
    stream, answers, chip = words.sentences(run)
    setting = "arrays, class-incremental (no label): "
    assert stream == f"{setting}two experiences of three rounds each; their boundaries were told. Seed 0."
    assert words.percent(accuracy(run, "class", "test")) in answers
    assert f"{words.percent(accuracy(run, 'task', 'test'))} when the task is told" in answers
    neurons, spent = run.table("neurons"), resources(run)
    hidden = neurons[neurons["kind"] == "hidden"]
    grown = int((hidden["rule"] != "seed").sum())
    assert f"{grown} neurons were grown (gradmax_whitened) beside {len(hidden) - grown} of seed experts" in chip
    assert f"use {spent['wires']:,.0f} of {spent['sides']:,.0f} wires on the sides of tiles" in chip


def test_the_summary_says_where_a_run_stopped(tiny: Callable[..., Config], tmp_path: Path) -> None:
    def stop(simulation: Simulation) -> None:
        if simulation.round == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(tiny(training={"rounds": 2, "steps": 2}), tmp_path / "stopped", stop)
    stopped = load_run(tmp_path / "stopped")
    assert "After one experience of 2, where the run stopped," in words.sentences(stopped)[1]
    assert "The run stopped after 1 of 2 experiences: what follows is how far it came." in words.caveats(stopped)
    assert "unfinished" in [finding.kind for finding in findings(stopped)]
    assert "2 of 4 rounds" in repr(stopped)


def test_what_spoils_the_numbers_is_said_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "gate_alone", lambda run: 0.0)
    assert words.caveats(run) == []
    quick = replace(run, config={**run.config, "run": {**run.config["run"], "quick": True}})
    assert words.caveats(quick) == ["A quick run, shrunk to seconds: its numbers mean nothing."]
    assert (words.called("a", quick), words.called("a", run)) == ("a (quick)", "a")
    monkeypatch.setattr(words, "gate_alone", lambda run: 0.614)
    monkeypatch.setattr(words, "accuracy", lambda run, setting, split: 0.571)
    (line,) = words.caveats(run)
    assert line == (
        "The gating network alone answers 61.4 %, better than the whole with 57.1 %: the experts cost accuracy here."
    )


def test_key_numbers_have_names_and_notes(run: Run) -> None:
    keys = words.keys(run)
    assert [key.name for key in keys[:4]] == ["accuracy", "accuracy", "gate alone", "forgetting"]
    assert all(key.value and key.note for key in keys)
    assert keys[0].value == words.percent(accuracy(run, "class", "test"))


def test_areas_of_anomalies_are_key_numbers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ROC-AUC, average precision" not in [key.name for key in words.keys(run)]
    known = words.overall(run, "test") | {"roc_auc": 0.9157, "average_precision": 0.7863}
    monkeypatch.setattr(words, "overall", lambda run, split: known)
    (key,) = [key for key in words.keys(run) if key.name == "ROC-AUC, average precision"]
    assert key.value == "0.916, 0.786"


def test_joint_runs_and_hidden_boundaries_are_described(tiny: Callable[..., Config], tmp_path: Path) -> None:
    short = {"rounds": 1, "steps": 2}
    start(tiny(stream={"setting": "joint"}, training=short), tmp_path / "joint", lambda simulation: None)
    joint = load_run(tmp_path / "joint", keep=True)
    assert words.sentences(joint)[0] == "arrays, joint: one experience of one round. Seed 0."
    assert "(joint" in words.sentences(joint)[1]
    order = {"order": (0, 1, 0), "boundaries": "hidden"}
    start(tiny(stream=order, training=short), tmp_path / "hidden", lambda simulation: None)
    said = words.sentences(load_run(tmp_path / "hidden", keep=True))[0]
    assert "three experiences" in said
    assert "there are two different tasks; nobody told where one ends" in said
