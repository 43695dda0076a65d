"""What real runs came to, where other tests of outcomes make their tables by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from smalti.analysis import outcomes
from smalti.analysis.measures import metrics
from smalti.analysis.outcomes import accuracies, accuracy, living, measures, resources
from smalti.analysis.quantities import METRICS
from smalti.analysis.runs import load_run, load_runs
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.runner import start


def test_a_real_run_adds_up(finished_run: Path) -> None:
    run = load_run(finished_run)
    found, alive = resources(run), living(run)
    assert found["neurons"] == (alive["kind"] == "hidden").sum()
    assert found["outputs"] == (alive["kind"] == "output").sum()
    assert found["born"] - found["retired"] == len(alive)
    assert found["links"] == run.table("links")["retired_round"].isna().sum()
    ports = run.table("ports")
    assert found["wires"] == ports.loc[ports["round"] == ports["round"].max(), "used"].sum() <= found["sides"]
    assert 0 < found["overhead"] < 1
    assert accuracies(run, "class").shape == (3, 2)
    matrix = metrics.accuracy_matrix(run.table("evaluations"), "class", "test")
    assert accuracy(run, "class", "test") == pytest.approx(metrics.average_accuracy(matrix))


def test_every_measure_has_a_name_and_a_meaning(finished_run: Path) -> None:
    found = outcomes.outcomes(load_run(finished_run))
    assert set(found["metric"]) <= set(METRICS)
    assert all(metric.label and metric.meaning and metric.text(0.5) for metric in METRICS.values())


def test_the_long_table_and_its_flat_form(finished_run: Path) -> None:
    run = load_run(finished_run)
    flat = dict(outcomes.flat(outcomes.outcomes(run), "class"))
    assert flat["accuracy"] == flat["accuracy_class_validation"] == accuracy(run, "class")
    assert flat["accuracy_task_test"] == accuracy(run, "task", "test")
    assert flat["forgetting_class_test"] == measures(run, "class", "test")["forgetting"]
    assert flat["wires"] == resources(run)["wires"]
    assert json.loads(json.dumps(flat)) == flat


def test_a_row_for_every_run(finished_run: Path) -> None:
    run = load_run(finished_run)
    table = load_runs(finished_run).results()
    assert len(table) == 1
    row = table.iloc[0]
    assert row["run"] == "finished"
    assert row["accuracy"] == accuracy(run, "class")
    assert row["born"] == run.table("rounds")["born"].sum()


def test_forgetting_of_a_permuted_stream_is_that_of_the_formula(tiny: Callable[..., Config], tmp_path: Path) -> None:
    """Domains of one label set, which every experience can be asked about: rows by experience, columns by arrival."""
    stream = {"setting": "domain", "transform": "permuted", "tasks": 3, "order": (2, 0, 1)}
    start(tiny(stream=stream, training={"rounds": 1, "steps": 4}), tmp_path / "run", lambda simulation: None)
    run = load_run(tmp_path / "run")
    table = run.table("evaluations")
    table = table[(table["setting"] == "domain") & (table["split"] == "test") & (table["after"] >= 0)]
    r = table.pivot(index="after", columns="on", values="accuracy")[[2, 0, 1]].to_numpy()
    found = measures(run, "domain", "test")
    assert found["backward_transfer"] == pytest.approx(((r[2, 0] - r[0, 0]) + (r[2, 1] - r[1, 1])) / 2)
    assert found["forgetting"] == pytest.approx((max(r[0, 0], r[1, 0]) - r[2, 0] + r[1, 1] - r[2, 1]) / 2)
