from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from smalti.analysis.overview import accuracies, living, mean_accuracy, resources, settings
from smalti.analysis.runs import load_run


class Tables:
    """A run of two rounds on 2 x 3 tiles of 4 neurons, tables by hand."""

    path = Path("run")

    def __init__(self, evaluations: list[tuple[Any, ...]], dead: list[list[int]] | None = None) -> None:
        self.config = {"fabric": {"rows": 2, "cols": 3, "neurons_per_tile": 4, "dead_tiles": dead or []}}
        names = ["after", "on", "setting", "split", "accuracy", "samples", "spikes_per_sample", "hop_spikes_per_sample"]
        seconds = {"seconds_train": [1.0, 2.0], "seconds_evaluate": [0.5, 0.5], "seconds_other": [0.5, 1.5]}
        last = {"neurons": [3, 4], "links": [9, 12], "devices": [20, 30], "born": [5, 2], "retired": [0, 1]}
        retired = pd.array([None, None, 1, None, None], dtype="Int32")
        self.tables = {
            "evaluations": pd.DataFrame(evaluations, columns=names),
            "rounds": pd.DataFrame({"round": [0, 1], **last, **seconds}),
            "ports": pd.DataFrame({"round": [0, 0, 1, 1], "used": [1, 2, 3, 4], "capacity": [8, 8, 8, 8]}),
            "neurons": pd.DataFrame(
                {
                    "neuron": range(5),
                    "tile": [3, 3, 0, 5, 1],
                    "kind": ["output", "output", "hidden", "hidden", "hidden"],
                    "retired_round": retired,
                }
            ),
        }

    def table(self, name: str) -> pd.DataFrame:
        return self.tables[name]


def asked(
    after: int, on: int, setting: str, accuracy: float, spikes: float = 0, samples: int = 10
) -> list[tuple[Any, ...]]:
    """A row for the test and one, worse by 0.5, for validation."""
    test = (after, on, setting, "test", accuracy, samples, spikes, 3 * spikes)
    return [test, (after, on, setting, "validation", accuracy - 0.5, samples, 99.0, 99.0)]


EVALUATIONS = [
    *asked(-1, 0, "class", 0.5, 1),
    *asked(0, 0, "class", 0.9, 5),
    *asked(0, 0, "task", 0.95, 2),
    *asked(1, 0, "class", 0.7, 10, samples=30),
    *asked(1, 1, "class", 0.8, 20, samples=10),
    *asked(1, 0, "task", 0.9, 7, samples=30),
    *asked(1, 1, "task", 1.0, 7, samples=10),
    *asked(1, 0, "gate", 0.6, 0, samples=30),
    *asked(1, 1, "gate", 0.4, 0, samples=10),
]


def test_accuracies_are_a_matrix_of_after_and_on() -> None:
    matrix = accuracies(Tables(EVALUATIONS), "class")
    assert matrix.index.tolist() == [-1, 0, 1]
    assert matrix.columns.tolist() == [0, 1]
    assert matrix.loc[1].tolist() == [0.7, 0.8]
    assert matrix.loc[0, 0] == 0.9
    assert math.isnan(matrix.loc[-1, 1])
    assert accuracies(Tables(EVALUATIONS), "class", "validation").loc[1].tolist() == pytest.approx([0.2, 0.3])


def test_mean_accuracy_is_over_all_samples_after_the_last_experience() -> None:
    assert mean_accuracy(Tables(EVALUATIONS), "class") == pytest.approx((30 * 0.7 + 10 * 0.8) / 40)
    assert mean_accuracy(Tables(EVALUATIONS), "gate") == pytest.approx((30 * 0.6 + 10 * 0.4) / 40)


def test_mean_accuracy_needs_an_experience_to_be_over() -> None:
    assert math.isnan(mean_accuracy(Tables(EVALUATIONS), "domain"))
    assert math.isnan(mean_accuracy(Tables(asked(-1, 0, "class", 0.5)), "class"))


def test_settings_come_in_one_order() -> None:
    assert settings(Tables(EVALUATIONS)) == ["task", "class", "gate"]
    assert settings(Tables([])) == []


def test_resources_are_those_of_the_last_round_and_of_unlabelled_tests() -> None:
    spent = resources(Tables(EVALUATIONS))
    assert (spent.neurons, spent.links, spent.devices, spent.born, spent.retired) == (4, 12, 30, 7, 1)
    assert (spent.wires, spent.wire_capacity) == (7, 16)
    assert spent.neuron_slots == 6 * 4 - 2
    assert (spent.spikes_per_sample, spent.hop_spikes_per_sample) == (15, 45)
    assert spent.seconds == 6
    assert spent.overhead == pytest.approx(2 / 6)


def test_slots_of_dead_tiles_do_not_count() -> None:
    assert resources(Tables(EVALUATIONS, dead=[[0, 1], [0, 1], [1, 2]])).neuron_slots == 4 * 4 - 2


def test_where_all_is_asked_with_a_label_its_spikes_count() -> None:
    assert resources(Tables(asked(0, 0, "task", 1.0, 6))).spikes_per_sample == 6


def test_resources_need_a_round() -> None:
    run = Tables(EVALUATIONS)
    run.tables["rounds"] = run.tables["rounds"][:0]
    with pytest.raises(ValueError, match="run has no finished round yet; `smalti resume run`"):
        resources(run)


def test_the_living_are_those_not_retired_each_with_its_place() -> None:
    run = Tables(EVALUATIONS)
    alive = living(run)
    assert alive["neuron"].tolist() == [0, 1, 3, 4]
    assert list(zip(alive["tile_row"], alive["tile_col"], strict=True)) == [(1, 0), (1, 0), (1, 2), (0, 1)]
    assert "tile_row" not in run.tables["neurons"]


def test_a_real_run_adds_up(finished_run: Path) -> None:
    run = load_run(finished_run)
    spent, alive = resources(run), living(run)
    assert spent.neurons == (alive["kind"] == "hidden").sum()
    assert spent.born - spent.retired == len(alive)
    assert spent.links == run.table("links")["retired_round"].isna().sum()
    assert 0 < spent.wires <= spent.wire_capacity
    assert 0 < spent.overhead < 1
    assert accuracies(run, "class").shape == (3, 2)
    assert mean_accuracy(run, "task") >= mean_accuracy(run, "class")
