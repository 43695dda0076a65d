"""What experts gave back is told in tables, summary, report and findings, and so is that nobody did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from smalti.analysis.findings.look import findings
from smalti.analysis.growth.given_back import GivenBack, given_back
from smalti.analysis.outcomes import resources
from smalti.analysis.report import words
from smalti.analysis.runs import Run, load_run
from smalti.scheduler.commands.printing.runs import resources_view
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.runner import start


@pytest.fixture
def giving(tiny: Callable[..., Config], tmp_path: Path) -> Callable[[float], Run]:
    """``giving(0.5)``: a run whose seeds of three in a tile give back with that score in rounds 3 and 4 of five."""

    def make(score: float) -> Run:
        growth = {"when": "never", "seed_width": 3, "until": 0.4, "give_back": score}
        start(tiny(growth=growth, training={"rounds": 5}), tmp_path / "run", lambda simulation: None)
        return load_run(tmp_path / "run", keep=True)

    return make


def rows(run: Run) -> dict[str, str]:
    names, values = ([str(cell) for cell in column.cells] for column in resources_view(run).columns)
    return dict(zip(names, values, strict=True))


def test_what_was_given_back_is_told_everywhere(giving: Callable[[float], Run]) -> None:
    run = giving(1e-9)
    assert given_back(run) == GivenBack({0: 2, 1: 2})
    assert resources(run)["given_back"] == 4
    assert rows(run)["given back"] == "4 neurons, by the experts of 2 of 2 tasks"
    (key,) = [key for key in words.keys(run) if key.name == "given back"]
    assert (key.value, key.note) == ("4", "neurons, by the experts of 2 of 2 tasks")
    (found,) = [finding for finding in findings(run) if finding.kind == "given_back"]
    assert found.title == "4 neurons given back, by the experts of 2 of 2 tasks"
    assert found.detail.endswith("or more. task 0: 2, task 1: 2.")


def test_where_nobody_could_it_is_said(giving: Callable[[float], Run], monkeypatch: pytest.MonkeyPatch) -> None:
    worth_least = "smalti.scheduler.growth.fate.worth_least"
    monkeypatch.setattr(worth_least, lambda grower, expert, asked: (expert.neurons[0], 0.5))
    run = giving(0.75)
    assert rows(run)["given back"] == "0 neurons, by the experts of 0 of 2 tasks"
    (found,) = [finding for finding in findings(run) if finding.kind == "given_back"]
    assert found.title == "No expert gave a neuron back"
    assert "growth.give_back = 0.75" in found.detail


def test_where_nobody_was_to_nothing_is_said(finished_run: Path) -> None:
    run = load_run(finished_run, keep=True)
    assert given_back(run) is None
    assert "given back" not in rows(run)
    assert not {"given back"} & {key.name for key in words.keys(run)}
    assert not {"given_back"} & {finding.kind for finding in findings(run)}
