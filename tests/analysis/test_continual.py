from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from smalti.analysis.continual import SPENT, comparable, long_table, matrix_rows, outcomes, settings
from smalti.analysis.runs import Run

ROUNDS = pd.DataFrame(
    {
        "neurons": [20, 30],
        "devices": [100, 200],
        "links": [40, 60],
        "wires": [50, 70],
        "stored_values": [5, 9],
        "operations": [1000.0, 1500.0],
        "seconds_train": [1.0, 1.0],
        "seconds_evaluate": [0.5, 0.5],
        "seconds_other": [0.25, 0.25],
    }
)


def evaluations(cells: dict[tuple[int, int], float], setting: str) -> pd.DataFrame:
    """Validation accuracies after and on; the second experience has three times as many samples."""
    rows = [
        {
            "after": after,
            "on": on,
            "setting": setting,
            "split": "validation",
            "accuracy": value,
            "samples": 10 + 20 * on,
        }
        | dict.fromkeys(SPENT, 100.0 * (after + 1) + 40 * on)
        for (after, on), value in cells.items()
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Two experiences: known at .9 and .8, the first one falls to .7; forward transfer is defined for setting class."""
    of_class = {(-1, 0): 0.1, (-1, 1): 0.2, (0, 0): 0.9, (0, 1): 0.25, (1, 0): 0.7, (1, 1): 0.8}
    of_gate = {(0, 0): 1.0, (1, 0): 0.6, (1, 1): 0.6}
    table = pd.concat([evaluations(of_class, "class"), evaluations(of_gate, "gate")], ignore_index=True)
    monkeypatch.setattr(Run, "table", lambda self, name: {"rounds": ROUNDS, "evaluations": table}[name])
    return Run(path=tmp_path, config={"stream": {"order": [], "boundaries": "told"}}, environment={})


def test_numbers_of_a_run_by_hand(run: Run) -> None:
    found = outcomes(run, "class", "validation")
    expected = {
        "accuracy": 0.75,
        "backward_transfer": -0.2,
        "forgetting": 0.2,
        "forward_transfer": 0.05,
        "average_incremental_accuracy": (0.9 + 0.75) / 2,
        "gate_accuracy": 0.6,
        "neurons": 30,
        "devices": 200,
        "links": 60,
        "wires": 70,
        "stored_values": 9,
        **dict.fromkeys(SPENT, 200 + 40 * 0.75),  # 10 samples of the first experience, 30 of the second
        "training_operations": 2500,
        "seconds": 3.5,
    }
    assert found == pytest.approx(expected)


def test_where_tasks_return_the_last_accuracies_count(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.config["stream"]["order"] = [0, 1, 0]
    later = evaluations({(2, 0): 0.5, (2, 1): 0.9}, "class")
    table = pd.concat([run.table("evaluations"), later], ignore_index=True)
    monkeypatch.setattr(Run, "table", lambda self, name: {"rounds": ROUNDS, "evaluations": table}[name])
    found = outcomes(run, "class", "validation")
    assert found["accuracy"] == pytest.approx(0.7)
    assert "forgetting" not in found


def test_where_boundaries_are_hidden_their_detection_is_judged(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.config["stream"] |= {"boundaries": "hidden", "drift": 0.0}
    run.config["training"] = {"rounds": 1, "steps": 20}
    rounds = ROUNDS.assign(experience=[0, 1], task=[0, 1])
    alarms = pd.DataFrame({"event": ["alarm", "alarm"], "step": [5, 23]})
    tables = {"rounds": rounds, "evaluations": run.table("evaluations"), "detections": alarms}
    monkeypatch.setattr(Run, "table", lambda self, name: tables[name])
    found = outcomes(run, "class", "validation")
    assert (found["detected"], found["delay"], found["false"]) == (1.0, 3.0, 100 / 40)
    assert "fired_again" not in found  # no task returns


def test_what_cannot_be_measured_is_left_out(run: Run) -> None:
    assert "forward_transfer" not in outcomes(run, "gate", "validation")
    with pytest.raises(ValueError, match="no evaluation has setting 'class' and split 'test'"):
        outcomes(run, "class", "test")


def test_the_gate_is_no_setting_of_the_network(run: Run) -> None:
    assert settings(run) == ["class"]


def test_the_matrix_as_a_long_table(run: Run) -> None:
    table = matrix_rows(run, "gate", "validation", {"method": "m"})
    assert table.to_dict("list") == {"method": ["m"] * 3, "after": [0, 1, 1], "on": [0, 0, 1], "value": [1.0, 0.6, 0.6]}


def test_only_what_the_control_has_can_be_compared() -> None:
    told = [{"method": m, "stream": "s", "setting": "class", "seed": 0} for m in ("control", "other")]
    table = long_table([(told[0], {"a": 1.0}), (told[1], {"a": 2.0, "b": 3.0})])
    assert table["metric"].tolist() == ["a", "a", "b"]
    assert comparable(table, "control")[["method", "metric"]].values.tolist() == [["control", "a"], ["other", "a"]]
