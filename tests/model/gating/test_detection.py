from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from smalti.model.gating.detection import DETECTORS, LEAST, SEEN, DetectionOptions, Glimpse, Memory

OPTIONS = DetectionOptions()


def never() -> float:
    raise AssertionError("nobody needs this")


def glimpse(memory: Memory | None = None, **changes: Any) -> Glimpse:
    plain = Glimpse(
        step=0,
        counts=torch.zeros(4, 3),
        novelty=never,
        loss=never,
        unserved=0.0,
        begins=False,
        memory=memory or Memory(),
        chance=np.random.default_rng(0),
    )
    return replace(plain, **changes)


def alarms(by: str, glimpses: list[Glimpse], options: DetectionOptions = OPTIONS) -> list[bool]:
    pairs = [DETECTORS[by](g, options) for g in glimpses]
    return [value > threshold for value, threshold in pairs]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"novelty": math.nan}, r"gating\.detect\.novelty = nan must be a finite number"),
        ({"jump": math.inf}, r"gating\.detect\.jump = inf must be a finite number"),
        ({"gather": 1}, r"gating\.detect\.gather = 1 must be at least 2"),
        ({"hold": 0}, r"gating\.detect\.hold = 0 must be at least 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DetectionOptions(**changes)


@pytest.mark.parametrize("windows", [math.inf, 4])
def test_memory_is_a_running_mean(windows: float) -> None:
    memory, values = Memory(), np.random.default_rng(0).random((12, 3))
    for value in values:
        memory.add(torch.tensor(value), torch.tensor(value**2), windows)
    if windows == math.inf:
        expected = values.mean(0)
    else:  # the first four alike, then a quarter of each newcomer
        expected = values[:4].mean(0)
        for value in values[4:]:
            expected = 0.75 * expected + 0.25 * value
    np.testing.assert_allclose(memory.mean, expected)
    assert memory.count == 12


def test_novelty_labels_and_told_pass_on_what_they_see() -> None:
    assert DETECTORS["novelty"](glimpse(novelty=lambda: 0.7), OPTIONS) == (0.7, 0.5)
    assert alarms("labels", [glimpse(unserved=u) for u in (0.0, 1 / 64)]) == [False, True]
    assert alarms("told", [glimpse(begins=b) for b in (False, True)]) == [False, True]


def test_the_schedule_never_alarms_at_the_start() -> None:
    options = DetectionOptions(by="schedule", every=3)
    assert alarms("schedule", [glimpse(step=s) for s in range(7)], options) == [False] * 3 + [True] + [False] * 2 + [
        True
    ]


def test_random_alarms_are_as_many_as_scheduled_ones_in_the_mean() -> None:
    options, chance = DetectionOptions(by="random", every=5), np.random.default_rng(1)
    fired = sum(alarms("random", [glimpse(chance=chance) for _ in range(5000)], options))
    assert fired == pytest.approx(1000, abs=4 * math.sqrt(5000 * 0.2 * 0.8))


def test_a_jump_of_the_loss_is_measured_in_its_deviations() -> None:
    memory, losses = Memory(), [0.4, 0.6] * 5
    for loss in losses:
        value, threshold = DETECTORS["loss"](glimpse(memory, loss=lambda loss=loss: loss), OPTIONS)
        assert value == loss
    mean, deviation = np.mean(losses), np.std(losses)
    value, threshold = DETECTORS["loss"](glimpse(memory, loss=lambda: 1.0), OPTIONS)
    assert threshold == pytest.approx(mean + OPTIONS.jump * deviation)
    assert value > threshold


def test_a_loss_that_hardly_moves_is_given_some_room() -> None:
    memory = Memory()
    fired = alarms("loss", [glimpse(memory, loss=lambda v=v: v) for v in [0.0] * SEEN + [3.9 * LEAST]])
    assert not any(fired)
    memory = Memory()
    fired = alarms("loss", [glimpse(memory, loss=lambda v=v: v) for v in [0.0] * SEEN + [4.1 * LEAST]])
    assert fired == [False] * SEEN + [True]


def batches(count: int, rate: float, seed: int) -> list[torch.Tensor]:
    chance = np.random.default_rng(seed)
    return [torch.tensor(chance.poisson(rate, (32, 20))) for _ in range(count)]


def test_a_shift_is_one_in_the_mean_while_nothing_changes_and_large_after_a_change() -> None:
    memory, values = Memory(), []
    for counts in batches(400, 4.0, 0):
        values.append(DETECTORS["shift"](glimpse(memory, counts=counts), OPTIONS)[0])
    assert values[:SEEN] == [0.0] * SEEN
    assert np.mean(values[SEEN:]) == pytest.approx(1.0, abs=0.06)
    assert max(values) < OPTIONS.shift
    assert DETECTORS["shift"](glimpse(memory, counts=batches(1, 6.0, 1)[0]), OPTIONS)[0] > OPTIONS.shift


def test_the_shift_against_its_formula() -> None:
    memory, seen = Memory(), batches(8, 4.0, 2)
    for counts in seen[:-1]:
        DETECTORS["shift"](glimpse(memory, counts=counts), OPTIONS)
    value, threshold = DETECTORS["shift"](glimpse(memory, counts=seen[-1]), OPTIONS)
    before, now = np.sqrt(torch.cat(seen[:-1]).numpy()), np.sqrt(seen[-1].numpy())
    distance = ((now.mean(0) - before.mean(0)) ** 2).sum()
    assert value == pytest.approx(distance / (before.var(0).sum() * (1 / 32 + 1 / (7 * 32))))
    assert threshold == OPTIONS.shift


@pytest.mark.parametrize("by", DETECTORS)
def test_every_detector_can_be_asked_of_the_first_minibatch_without_an_alarm(by: str) -> None:
    quiet: Callable[[], float] = lambda: 0.0  # noqa: E731
    value, threshold = DETECTORS[by](glimpse(novelty=quiet, loss=quiet), OPTIONS)
    assert not value > threshold
