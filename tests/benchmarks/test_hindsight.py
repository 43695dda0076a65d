"""Told widths have the slots of the budget, beside output units of every task's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.hindsight import finished, of_order, slots_of, width
from smalti.analysis.outcomes import accuracy, resources
from smalti.analysis.runs import load_run


def test_slots_are_those_of_the_chip(finished_run: Path) -> None:
    run = load_run(finished_run)
    fabric = run.config["fabric"]
    assert slots_of(run) == fabric["rows"] * fabric["cols"] * fabric["neurons_per_tile"]


def test_one_width_to_choose_from_is_chosen_for_all(finished_run: Path) -> None:
    """The told are these experts then, whatever other variants were run on the budget."""
    run = load_run(finished_run, keep=True)
    runs = {("b60", name, 0): run for name in ("asked-then-grown", "blocks-60", "first-come")}
    told, *others = of_order(runs, "b60", 0)
    tasks = run.table("evaluations")["on"].nunique()
    assert told.hidden == tasks * width(run) <= slots_of(run) - resources(run)["outputs"]
    assert [row.variant for row in others] == ["asked-then-grown", "blocks-60", "first-come"]
    assert told.accuracy == pytest.approx(accuracy(run, "task", "test"))


def test_what_is_missing_is_said(finished_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no finished trials of smalti benchmark budget-cognitive"):
        finished(tmp_path)
    with pytest.raises(ValueError, match="order 0 has nothing to choose from: run variants of blocks and never"):
        list(of_order({("b60", "first-come", 0): load_run(finished_run)}, "b60", 0))
