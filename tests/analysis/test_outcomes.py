from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from smalti.analysis import outcomes
from smalti.analysis.outcomes import accuracies, accuracy, headline, living, measures, resources, settings
from smalti.analysis.quantities import SPENT
from smalti.analysis.runs import Run

Make = Callable[..., Run]
FABRIC = {"rows": 2, "cols": 3, "neurons_per_tile": 4, "wires": 2, "dead_tiles": []}
ROUNDS = pd.DataFrame(
    {
        "round": [0, 1],
        "step": [60, 120],
        "loss": [1.0, 0.5],
        "validation": [math.nan, math.nan],
        "neurons": [3, 4],
        "links": [9, 12],
        "devices": [20, 30],
        "wires": [5, 7],
        "born": [5, 2],
        "retired": [0, 1],
        "writes": [60, 90],
        "stored_values": [5, 9],
        "hop_spikes_per_sample": [1.0, 8.0],
        "operations": [1000.0, 1500.0],
        "seconds_train": [1.0, 2.0],
        "seconds_evaluate": [0.5, 0.5],
        "seconds_other": [0.5, 1.5],
    }
)
NEURONS = pd.DataFrame(
    {
        "neuron": range(5),
        "tile": [3, 3, 0, 5, 1],
        "kind": ["output", "output", "hidden", "hidden", "hidden"],
        "retired_round": pd.array([None, None, 1, None, None], dtype="Int32"),
    }
)
LINKS = pd.DataFrame(
    {
        "kind": ["routed", "routed", "local", "input"],
        "hops": [3, 5, 0, 1],
        "retired_round": pd.array([None, 1, None, None], dtype="Int32"),
    }
)
PORTS = pd.DataFrame({"round": [0, 0, 1, 1], "used": [1, 2, 3, 4], "capacity": [8, 8, 8, 8]})


def asked(cells: dict[tuple[int, int], float], setting: str = "class", split: str = "validation") -> pd.DataFrame:
    """Accuracies after and on; the second task has three times as many samples as the first, the third five times."""
    rows = [
        {"after": after, "on": on, "setting": setting, "split": split, "accuracy": value, "samples": 10 + 20 * on}
        | dict.fromkeys(SPENT, 100.0 * (after + 1) + 40 * on)
        for (after, on), value in cells.items()
    ]
    return pd.DataFrame(rows)


OF_CLASS = asked({(-1, 0): 0.1, (-1, 1): 0.2, (0, 0): 0.9, (0, 1): 0.25, (1, 0): 0.7, (1, 1): 0.8})
OF_GATE = asked({(0, 0): 1.0, (1, 0): 0.6, (1, 1): 0.4}, "gate")


@pytest.fixture
def made(tables: type) -> Make:
    """``made(evaluations, stream options)``: a run of two rounds on 2 x 3 tiles of 4 neurons."""

    def make(*evaluations: pd.DataFrame, fabric: dict[str, Any] | None = None, **stream: Any) -> Run:
        config = {
            "fabric": FABRIC | (fabric or {}),
            "stream": {"setting": "class", "order": [], "boundaries": "told", "drift": 0.0} | stream,
            "training": {"rounds": 1, "steps": 20},
        }
        every = {"rounds": ROUNDS, "neurons": NEURONS, "links": LINKS, "ports": PORTS}
        run: Run = tables(config, {**every, "evaluations": pd.concat(evaluations, ignore_index=True)})
        return run

    return make


def test_measures_of_answers_by_hand(made: Make) -> None:
    """Known at .9 and .8, the first task falls to .7; forward transfer is defined, for the second was asked before."""
    expected = {
        "accuracy": 0.75,
        "accuracy_by_samples": (10 * 0.7 + 30 * 0.8) / 40,
        "backward_transfer": -0.2,
        "forgetting": 0.2,
        "forward_transfer": 0.05,
        "average_incremental_accuracy": (0.9 + 0.75) / 2,
        "gate_accuracy": 0.5,
        "worst_task": 0.7,
        "tasks_90": 0,
        "tasks_95": 0,
        **dict.fromkeys(SPENT, 200 + 40 * 0.75),  # 10 samples of the first task, 30 of the second
        "Effective_ACs": 200 + 40 * 0.75,
        "Effective_MACs": 0,
    }
    assert measures(made(OF_CLASS, OF_GATE), "class", "validation") == pytest.approx(expected)


def test_what_the_run_left_by_hand(made: Make) -> None:
    found = resources(made(OF_CLASS))
    expected = {
        "neurons": 4,
        "outputs": 2,
        "slots": 6 * 4 - 2,
        "born": 7,
        "retired": 1,
        "writes": 150,
        "links": 12,
        "devices": 30,
        "wires": 7,
        "sides": 16,
        "hops": 3,
        "stored_values": 9,
        "loss": 0.5,
        "training_operations": 2500,
        "training_hop_spikes": 8,
        "Footprint": 4 * 30 + 4 * 4,
        "ConnectionSparsity": 1 - 30 / (6 * 12 * 4),
        "seconds": 6,
        "overhead": 2 / 6,
    }
    assert found == pytest.approx(expected)


def test_slots_of_dead_tiles_do_not_count(made: Make) -> None:
    assert resources(made(OF_CLASS, fabric={"dead_tiles": [[0, 1], [0, 1], [1, 2]]}))["slots"] == 4 * 4 - 2


def test_a_run_without_a_round_says_how_to_go_on(made: Make) -> None:
    run = made(OF_CLASS)
    empty = type(run)(run.config, {"rounds": ROUNDS[:0], "neurons": NEURONS, "links": LINKS, "ports": PORTS})
    with pytest.raises(ValueError, match="run has no finished round yet; `smalti resume run`"):
        resources(empty)


def test_measures_follow_the_order_in_which_tasks_came(made: Make) -> None:
    """Task 2 came first, then 0, then 1: the diagonal is what was just learned, not the task of the same number."""
    came = {(0, 2): 0.9, (0, 0): 0.3, (0, 1): 0.2, (1, 2): 0.8, (1, 0): 0.7, (1, 1): 0.4}
    came |= {(2, 2): 0.85, (2, 0): 0.75, (2, 1): 0.6}
    found = measures(made(asked(came), order=[2, 0, 1]), "class", "validation")
    assert found["forgetting"] == pytest.approx(((0.9 - 0.85) + (0.7 - 0.75)) / 2)
    assert found["backward_transfer"] == pytest.approx(((0.85 - 0.9) + (0.75 - 0.7)) / 2)
    assert found["average_incremental_accuracy"] == pytest.approx((0.9 + 0.75 + (0.85 + 0.75 + 0.6) / 3) / 3)
    assert accuracies(made(asked(came), order=[2, 0, 1]), "class", "validation").columns.tolist() == [2, 0, 1]
    table = outcomes.matrix(made(asked(came), order=[2, 0, 1]), "class", "validation")
    assert table.loc[table["on"] == table["after"], "value"].tolist() == [0.9, 0.7, 0.6]


def test_a_part_of_the_tasks_may_come(made: Make) -> None:
    found = measures(made(asked({(0, 3): 1.0, (1, 3): 0.5, (1, 1): 0.9}), order=[3, 1]), "class", "validation")
    assert (found["accuracy"], found["forgetting"]) == (pytest.approx(0.7), pytest.approx(0.5))


def test_where_tasks_return_only_the_last_accuracies_count(made: Make) -> None:
    later = asked({(2, 0): 0.5, (2, 1): 0.9})
    found = measures(made(OF_CLASS, later, order=[0, 1, 0]), "class", "validation")
    assert found["accuracy"] == pytest.approx(0.7)
    assert not {"forgetting", "backward_transfer", "forward_transfer"} & found.keys()


def test_a_task_that_came_and_cannot_be_answered_counts_as_nothing(made: Make) -> None:
    assert accuracy(made(asked({(0, 0): 1.0, (1, 0): 0.8}), order=[0, 1]), "class") == pytest.approx(0.4)


def test_tasks_to_come_do_not_count_yet(made: Make) -> None:
    assert accuracy(made(asked({(0, 0): 0.9, (0, 1): 0.1}, "domain")), "domain") == pytest.approx(0.9)


def test_means_along_the_tasks_follow_the_same_rule(made: Make) -> None:
    """Before any task the mean is over those asked; afterwards over those that came, unanswerable ones as 0."""
    cells = {(-1, 0): 0.3, (0, 0): 0.9, (0, 1): 0.1, (1, 0): 0.8}
    run = made(asked(cells, "domain"), order=[0, 1])
    means = outcomes.mean_accuracies(run, "domain", "validation")
    assert means.to_dict() == pytest.approx({-1: 0.3, 0: 0.9, 1: 0.4})
    assert means[1] == pytest.approx(accuracy(run, "domain"))


def test_a_setting_that_was_not_asked_in_the_end_is_not_the_headline(made: Make) -> None:
    """A gate that is told the task can answer without a label only while there is a single expert."""
    once = asked({(0, 0): 1.0})
    told = asked({(0, 0): 1.0, (1, 0): 0.9, (1, 1): 0.7}, "task")
    run = made(once, told)
    assert headline(run) == "task"
    assert math.isnan(accuracy(run, "class"))
    assert outcomes.overall(run)["accuracy"] == pytest.approx(0.8)
    assert "accuracy" not in measures(run, "class", "validation")


def test_accuracy_needs_an_experience_to_be_over(made: Make) -> None:
    run = made(asked({(-1, 0): 0.5}))
    assert math.isnan(accuracy(run, "class"))
    assert math.isnan(accuracy(run, "domain"))


def test_what_cannot_be_measured_is_left_out(made: Make) -> None:
    run = made(OF_CLASS, OF_GATE)
    assert "forward_transfer" not in measures(run, "gate", "validation")
    assert measures(run, "class", "test") == {}


def test_settings_come_in_one_order_parts_last(made: Make) -> None:
    run = made(OF_GATE, OF_CLASS, asked({(0, 0): 1.0}, "task"))
    assert settings(run) == ["task", "class", "gate"]
    assert outcomes.answers(run) == ["task", "class"]


def test_what_was_no_longer_asked_in_the_end_is_no_last_answer(made: Make) -> None:
    run = made(OF_GATE, asked({(0, 0): 0.9}), asked({(0, 0): 1.0, (1, 0): 0.9, (1, 1): 0.8}, "task"))
    assert outcomes.answers(run) == ["task", "class"]
    assert outcomes.last_answers(run) == ["task"]
    assert outcomes.last_parts(run) == ["gate"]
    assert headline(run) == "task"


def test_novel_data_are_a_split_where_there_are_any(made: Make) -> None:
    assert outcomes.splits(made(OF_CLASS)) == ["validation", "test"]
    run = made(OF_CLASS, asked({(1, 0): 0.5, (1, 1): 0.7}, split="novel"))
    assert outcomes.splits(run) == ["validation", "test", "novel"]
    assert accuracy(run, "class", "novel") == pytest.approx(0.6)
    table = outcomes.outcomes(run).set_index(["setting", "split", "metric"])["value"]
    assert table["class", "novel", "accuracy"] == pytest.approx(0.6)
    with_sessions = made(OF_CLASS, asked({(1, 0): 0.4, (1, 1): 0.8}, split="session"))
    assert outcomes.splits(with_sessions) == ["validation", "test", "session"]
    assert accuracy(with_sessions, "class", "session") == pytest.approx(0.6)


def test_a_shuffled_stream_has_the_order_in_which_tasks_came(tables: type) -> None:
    rounds = pd.DataFrame({"experience": [0, 0, 1, 1], "task": [2, 2, 0, 0]})
    evaluations = asked({(0, 0): 0.5, (0, 2): 0.5, (0, 1): 0.5})
    for shuffle, order in ((True, [2, 0, 1]), (False, [0, 1, 2])):
        stream = {"order": [], "shuffle": shuffle}
        assert outcomes.order(tables({"stream": stream}, {"rounds": rounds, "evaluations": evaluations})) == order


def test_tasks_that_are_drawn_to_return_stand_where_they_came(tables: type) -> None:
    rounds = pd.DataFrame({"experience": [0, 1, 2], "task": [0, 1, 0]})
    evaluations = asked({(2, 0): 0.5, (2, 1): 1.0, (2, 2): 0.25})
    run = tables({"stream": {"order": [], "returns": 0.5}}, {"rounds": rounds, "evaluations": evaluations})
    assert outcomes.order(run) == [0, 1, 0, 2]
    assert accuracies(run, "class", "validation").columns.tolist() == [0, 1, 2]
    assert accuracy(run, "class") == pytest.approx(0.75)


def test_where_boundaries_are_hidden_their_detection_is_judged(made: Make) -> None:
    run = made(OF_CLASS, boundaries="hidden")
    alarms = pd.DataFrame({"event": ["alarm", "alarm"], "step": [5, 23]})
    rounds = ROUNDS.assign(experience=[0, 1], task=[0, 1])
    every = {name: run.table(name) for name in ("neurons", "links", "ports", "evaluations")}
    found = resources(type(run)(run.config, {**every, "rounds": rounds, "detections": alarms}))
    assert (found["detected"], found["delay"], found["false"]) == (1.0, 3.0, 100 / 40)
    assert "fired_again" not in found  # no task returns


def test_curves_are_measured_where_there_are_some(made: Make) -> None:
    run = made(OF_CLASS)
    every = {name: run.table(name) for name in ("neurons", "links", "ports", "evaluations")}
    curved = type(run)(run.config, {**every, "rounds": ROUNDS.assign(validation=[0.5, 0.7])})
    assert resources(curved)["accuracy_after"] == pytest.approx(0.6)


def test_the_living_are_those_not_retired_each_with_its_place(made: Make) -> None:
    run = made(OF_CLASS)
    alive = living(run)
    assert alive["neuron"].tolist() == [0, 1, 3, 4]
    assert list(zip(alive["tile_row"], alive["tile_col"], strict=True)) == [(1, 0), (1, 0), (1, 2), (0, 1)]
    assert "tile_row" not in run.table("neurons")


def test_experiences_are_named_by_their_task_where_it_is_another(tables: Any) -> None:
    evaluations = asked({(-1, 0): 0.5, (0, 0): 1.0, (0, 1): 0.5, (1, 1): 1.0})
    usual = tables({"stream": {"order": []}}, {"evaluations": evaluations})
    assert outcomes.experience_names(usual, [-1, 0, 1]) == ["before any", "0", "1"]
    again = tables({"stream": {"order": [0, 1, 0]}}, {"evaluations": evaluations})
    assert outcomes.experience_names(again, [-1, 0, 1, 2]) == ["before any", "0 (task 0)", "1 (task 1)", "2 (task 0)"]
