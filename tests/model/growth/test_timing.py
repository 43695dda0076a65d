from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from smalti.model.growth.options import GrowthOptions
from smalti.model.growth.saturation import Saturation
from smalti.model.growth.timing import TIMINGS, History


def history(losses: Sequence[float], **changes: Any) -> History:
    """A task of ten rounds that has not grown yet; measuring is an error."""

    def nothing() -> list[Saturation]:
        raise AssertionError("nothing is to be measured")

    rest: dict[str, Any] = {"rounds": 10, "waited": len(losses), "novelty": 0.0, "measure": nothing}
    return History(losses, **{**rest, "chance": np.random.default_rng(0), **changes})


def asks(when: str, losses: Sequence[float], options: dict[str, Any] | None = None, **changes: Any) -> bool:
    wanted, reason = TIMINGS[when](history(losses, **changes), GrowthOptions(when=when, **(options or {})))
    assert reason
    return wanted


def test_needed_asks_while_the_loss_is_high() -> None:
    assert [asks("needed", [9.0, loss], {"enough_loss": 0.1}) for loss in (0.2, 0.1, 0.0)] == [True, False, False]


def test_never_asks_never() -> None:
    assert not asks("never", [9.0])


@pytest.mark.parametrize(
    ("score", "waited", "expected"), [(0.94, 3, True), (0.95, 3, False), (0.2, 2, False), (float("nan"), 3, True)]
)
def test_unsolved_tasks_ask_after_a_rest(score: float, waited: int, expected: bool) -> None:
    options = {"every": 3, "enough_score": 0.95}
    assert asks("unsolved", [0.0] * waited, options, waited=waited, score=lambda: score) == expected


@pytest.mark.parametrize("every", [1, 2, 3, 7])
def test_a_schedule_asks_at_multiples_whatever_the_loss(every: int) -> None:
    asked = [number for number in range(1, 15) if asks("schedule", [0.0] * number, {"every": every})]
    assert asked == list(range(every, 15, every))


@pytest.mark.parametrize(
    ("losses", "waited", "expected"),
    [
        ([1.0], 1, False),
        ([1.0, 1.0], 2, False),  # nothing before the two rounds
        ([1.0, 1.0, 1.0], 3, True),
        ([1.0, 0.8, 0.91], 3, False),  # 10 % or better
        ([1.0, 0.9, 0.9], 3, False),
        ([1.0, 0.901, 2.0], 3, True),
        ([0.5, 1.0, 0.7, 0.6], 4, True),  # the best before counts, not the last
        ([1.0, 1.0, 1.0], 1, False),  # newborns get their two rounds
        ([1.0, 1.0, 1.0], 2, True),
        ([0.0, 0.0, 0.0], 3, False),  # cannot fall any more, and need not
    ],
)
def test_a_plateau_is_no_improvement_in_a_while(losses: list[float], waited: int, expected: bool) -> None:
    assert asks("plateau", losses, {"patience": 2, "tolerance": 0.1}, waited=waited) == expected


@pytest.mark.parametrize(
    ("measured", "waited", "expected"),
    [
        ([(4.0, 1.0)], 9, False),  # nothing to compare with
        ([(4.0, 8.0), (4.0, 2.0)], 9, True),
        ([(4.0, 8.0), (3.5, 2.0)], 9, False),  # not as wide as it was
        ([(4.0, 8.0), (3.7, 2.0)], 9, True),
        ([(4.0, 8.0), (9.0, 2.0)], 9, True),
        ([(4.0, 8.0), (4.0, 2.1)], 9, False),  # devices still gain importance
        ([(4.0, 4.0), (4.0, 4.0), (4.0, 2.0)], 9, True),  # against the sum of the rounds before
        ([(4.0, 8.0), (4.0, 2.0)], 2, False),  # cool-down
        ([(4.0, 8.0), (4.0, 2.0)], 3, True),
        ([(0.0, 0.0), (0.0, 0.0)], 9, False),  # silent
    ],
)
def test_noracl_needs_both_gates_and_a_rest(measured: list[tuple[float, float]], waited: int, expected: bool) -> None:
    known = [Saturation(*values) for values in measured]
    options = {"patience": 3, "dimension_share": 0.9, "fisher_share": 0.25}
    assert asks("noracl", [1.0] * 9, options, waited=waited, measure=lambda: known) == expected


@pytest.mark.parametrize(
    ("novelty", "loss", "expected"),
    [(math.inf, 0.5, True), (3.0, 0.5, True), (2.9, 0.5, False), (9.0, 0.05, False), (math.nan, 0.5, False)],
)
def test_novelty_asks_for_new_inputs_that_are_not_learned_yet(novelty: float, loss: float, expected: bool) -> None:
    assert asks("novelty", [loss], {"enough_loss": 0.1}, novelty=novelty) == expected


@pytest.mark.parametrize(("every", "until"), [(2, 0.7), (3, 1.0), (1, 0.6), (4, 0.3), (9, 0.1)])
def test_random_asks_as_often_as_a_schedule(every: int, until: float) -> None:
    able = [number for number in range(1, 11) if number / 10 <= until]
    options = {"every": every, "until": until}
    due = [asks("schedule", [1.0] * number, options) for number in able]
    runs = 4000
    chance = np.random.default_rng(7)
    asked = [[asks("random", [1.0] * n, options, chance=chance) for n in able] for _ in range(runs)]
    share = sum(due) / len(able)
    deviation = math.sqrt(share * (1 - share) / runs)
    assert np.abs(np.mean(asked, axis=0) - share).max() <= 4.5 * deviation
    assert np.mean(np.sum(asked, axis=1)) == pytest.approx(sum(due), abs=4.5 * deviation * math.sqrt(len(able)))


def test_random_draws_come_from_the_generator_given() -> None:
    drawn = [[asks("random", [1.0], chance=np.random.default_rng(seed)) for seed in range(40)] for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 2
