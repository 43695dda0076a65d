"""What is made of a finished run on two levels: summary, report, tables of openings, and the chip for other tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from smalti.analysis.export.chip import export_chip
from smalti.analysis.growth import reuse
from smalti.analysis.report import write_report
from smalti.analysis.restored import restored
from smalti.analysis.runs import Run, load_run, load_runs
from smalti.scheduler.commands.printing.runs import print_summary
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.runner import start


@pytest.fixture(scope="module")
def run(make: Callable[..., Config], tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("levels") / "run"
    start(make(**{"training.rounds": 1}), path, lambda simulation: None)
    return load_run(path)


def test_openings_are_told_in_words(run: Run) -> None:
    table = reuse.openings(run)
    assert table["step"].iloc[0] == "both"
    assert table["born"].iloc[0] == 10 + 8 + 8
    assert {row["opened by"] for row in reuse.told(table)} <= set(reuse.WAYS.values())
    assert table["experts"].iloc[1:].notna().all()
    assert table["name"].iloc[0] == restored(run).stream.experiences[0].name


def test_summary_and_report_are_made(run: Run, tmp_path: Path) -> None:
    page = StringIO()
    print_summary(run, Console(file=page, width=200))
    assert "a north and a south part" in page.getvalue()
    write_report(load_runs([run.path], keep=True), tmp_path / "report.html")
    assert "a north and a south part" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_chip_says_who_runs(run: Run, tmp_path: Path) -> None:
    export_chip(run, tmp_path / "chip")
    told = json.loads((tmp_path / "chip" / "chip.json").read_text(encoding="utf-8"))["experts"]
    agent = restored(run).gating
    assert [(one["north"], one["south"]) for one in told] == [expert.path for expert in agent.experts]
    assert all(len(one["runs"]) == 26 for one in told)
    assert len({tuple(sorted(one["runs"])) for one in told}) == len({expert.path for expert in agent.experts})
