from __future__ import annotations

import numpy as np
import pytest

from smalti.scheduler.configuration.config_io import nested
from smalti.scheduler.experiments.axes import read_axis

RATE, BIRTHS = "training.learning_rate", "growth.births"


@pytest.mark.parametrize(
    ("field", "given", "values"),
    [
        ("growth.rule", ["random", "tiny"], ("random", "tiny")),
        (BIRTHS, {"low": 1, "high": 4}, (1, 2, 3, 4)),
        (BIRTHS, {"low": 1, "high": 8, "step": 3}, (1, 4, 7)),
        (BIRTHS, {"low": 1, "high": 100, "log": True, "points": 3}, (1, 10, 100)),
        (RATE, {"low": 0.1, "high": 0.5, "step": 0.1}, (0.1, 0.2, 0.3, 0.4, 0.5)),
        (RATE, {"low": 1e-3, "high": 1e-1, "log": True, "points": 3}, (0.001, 0.01, 0.1)),
        (RATE, {"low": 0, "high": 1, "points": 3}, (0.0, 0.5, 1.0)),
        ("network.kinds.slow.synapse_ms", {"low": 4, "high": 8, "points": 3}, (4.0, 6.0, 8.0)),
    ],
)
def test_values_of_a_grid(field: str, given: object, values: tuple[object, ...]) -> None:
    grid = read_axis(field, given).grid()
    assert grid == values
    assert [type(value) for value in grid] == [type(value) for value in values]


def test_shares_of_a_range_spread_its_values() -> None:
    shares = (np.arange(3000) + 0.5) / 3000
    whole = read_axis(BIRTHS, {"low": 1, "high": 3})
    assert np.bincount([whole.at(share) for share in shares]).tolist() == [0, 1000, 1000, 1000]
    stepped = read_axis(BIRTHS, {"low": 1, "high": 5, "step": 2})
    assert np.bincount([stepped.at(share) for share in shares]).tolist() == [0, 1000, 0, 1000, 0, 1000]
    listed = read_axis("growth.rule", ["random", "tiny"])
    assert [listed.at(0.0), listed.at(0.49), listed.at(0.5), listed.at(0.999)] == ["random", "random", "tiny", "tiny"]
    rate = read_axis(RATE, {"low": 1e-4, "high": 1e-1, "log": True})
    assert [rate.at(0.0), rate.at(1 / 3), rate.at(2 / 3)] == pytest.approx([1e-4, 1e-3, 1e-2])
    plain = read_axis(RATE, {"low": 1, "high": 3})  # a number field, whatever the file writes
    assert plain.at(0.25) == 1.5


@pytest.mark.parametrize(
    ("field", "given", "message"),
    [
        ("growth.rul", ["random"], r"there is no field \"growth.rul\"; did you mean growth.rule"),
        ("growth", ["random"], "there is no field"),
        ("run.quick", [True], "give --quick"),
        ("growth.rule", "random", "must be a list of values, or a range"),
        ("growth.rule", [], "must hold at least one value"),
        ("growth.rule", ["tiny", "tiny"], "holds 'tiny' twice"),
        ("growth.rule", {"low": 1, "high": 2}, "is no number and has no range"),
        (BIRTHS, {"low": 1.5, "high": 2}, "low = 1.5 must be a whole number"),
        (BIRTHS, {"low": 3, "high": 2}, "low = 3.0 must be less than high = 2.0"),
        (BIRTHS, {"low": 1}, "high is missing"),
        (RATE, {"low": 0, "high": 1, "log": True}, "must be positive where log = true"),
        (RATE, {"low": 0, "high": 1, "steps": 2}, "did you mean step"),
        (RATE, {"low": 0, "high": 1, "step": 0.1, "points": 3}, "step goes neither with points nor with log"),
    ],
)
def test_what_is_no_axis_is_refused(field: str, given: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_axis(field, given)


def test_a_range_without_steps_is_no_grid() -> None:
    with pytest.raises(ValueError, match=r"any number of values; a grid needs a list, or step or points"):
        read_axis(RATE, {"low": 0.1, "high": 1}).grid()


def test_dotted_names_become_sections() -> None:
    assert nested({"a.b.c": 1, "a.b.d": 2, "e.f": 3}) == {"a": {"b": {"c": 1, "d": 2}}, "e": {"f": 3}}
