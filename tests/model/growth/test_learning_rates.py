from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from smalti.model.growth.learning_rates import (
    NewbornOptions,
    begin_stage,
    rate_factors,
    stage_factors,
    transfer_variance,
)
from smalti.model.growth.options import GrowthOptions
from smalti.model.optimiser import Moments, OptimiserOptions, step
from smalti.model.state import ChipState

USUAL = NewbornOptions()


def chip(weight: Tensor, mask: Tensor | None = None, stage: Tensor | None = None) -> ChipState:
    """Crossbars [K, R, n] with these devices; by default all in use and laid at the opening."""
    tiles, rows, slots = weight.shape
    mask = torch.ones(weight.shape, dtype=torch.bool) if mask is None else mask
    constants = {name: torch.zeros(tiles * slots) for name in ("kind", "leak", "synapse", "strength", "recovery")}
    return ChipState(
        weight=weight.clone().requires_grad_(),
        mask=mask,
        frozen=torch.zeros_like(mask),
        stage=torch.zeros(weight.shape, dtype=torch.int32) if stage is None else stage,
        source=torch.zeros(tiles, rows, dtype=torch.int64),
        alive=torch.ones(tiles * slots, dtype=torch.bool),
        output=torch.zeros(tiles * slots, dtype=torch.bool),
        **constants,
    )


def stages(*rows: list[int]) -> Tensor:
    """One tile [1, R, n]."""
    return torch.tensor([rows], dtype=torch.int32)


def everyone(state: ChipState) -> tuple[Tensor, Tensor]:
    """Devices that learn and neurons that run."""
    return state.mask & ~state.frozen, torch.ones_like(state.alive)


def test_by_default_nothing_is_switched_on() -> None:
    assert GrowthOptions().newborns == USUAL
    state = chip(torch.ones(1, 2, 2), stage=stages([0, 1], [2, 3]))
    assert rate_factors(state, torch.zeros(1, 2, 2), *everyone(state), USUAL) is None
    assert rate_factors(state, torch.zeros(1, 2, 2), *everyone(state), NewbornOptions(youth=3)) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("rate", 0.0), ("rate", -1.0), ("rate", math.inf), ("rate", math.nan), ("warm_up", -1), ("youth", -5)],
)
def test_refuses_invalid_values_by_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"growth\.newborns\.{field} = {value} must"):
        NewbornOptions(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "expected"),
    [  # ages 0, 1, 3, 4 and 9, of a seed's device, then of newborns of the first stage
        ({"rate": 3.0}, [[1, 1, 1, 1, 1], [3, 3, 3, 3, 3]]),
        ({"rate": 3.0, "youth": 4}, [[1, 1, 1, 1, 1], [3, 3, 3, 1, 1]]),
        ({"warm_up": 4}, [[1, 1, 1, 1, 1], [0.25, 0.5, 1, 1, 1]]),
        ({"rate": 2.0, "youth": 1, "warm_up": 5}, [[1, 1, 1, 1, 1], [0.4, 0.4, 0.8, 1, 1]]),
    ],
)
def test_factors_by_age_by_hand(options: dict[str, Any], expected: list[list[float]]) -> None:
    state = chip(torch.zeros(1, 2, 5), stage=stages([0] * 5, [1, 2, 1, 2, 1]))
    age = torch.tensor([[[0.0, 1, 3, 4, 9]] * 2])
    found = rate_factors(state, age, *everyone(state), NewbornOptions(**options))
    assert found is not None
    torch.testing.assert_close(found, torch.tensor([expected], dtype=torch.float32))


def test_newborns_move_by_the_expected_amount_in_their_first_steps() -> None:
    """The first step of Adam is the learning rate, whatever the gradient; so are all with a gradient that stays."""
    state = chip(torch.zeros(1, 1, 2, dtype=torch.float64), stage=stages([0, 1]))
    moments, options = Moments.fresh(state.weight), NewbornOptions(rate=2.0, warm_up=4)
    gradient, path = torch.tensor([[[5.0, -0.25]]], dtype=torch.float64), []
    for _ in range(6):
        factors = rate_factors(state, moments.count, *everyone(state), options)
        step(state.weight, gradient, state.mask, moments, 0.01, OptimiserOptions(clip=0), factors)
        path.append(state.weight.detach().flatten().clone())
    moved = torch.diff(torch.stack([torch.zeros(2, dtype=torch.float64), *path]), dim=0)
    ramp = torch.tensor([0.25, 0.5, 0.75, 1, 1, 1], dtype=torch.float64)
    torch.testing.assert_close(moved, torch.stack([-0.01 * torch.ones(6), 0.02 * ramp], 1).double(), rtol=1e-6, atol=0)


def test_stages_learn_at_the_ratio_of_their_norms() -> None:
    """Norms 5 of stage 0, 13 of stage 1, 0 of stage 2, 0.5 of stage 3; the frozen and the others count nowhere."""
    weight = torch.tensor([[[3.0, 4, 100], [5, 12, 100], [0, 0, 100], [-0.5, 0, 100]]])
    state = chip(weight, stage=stages([0, 0, 0], [1, 1, 1], [2, 2, 2], [3, 0, 0]))
    state.frozen[:, :, 2] = True
    learns, running = everyone(state)
    options = NewbornOptions(rate_adaptation=True)
    factors = rate_factors(state, torch.zeros(1, 4, 3), learns, running, options)
    expected = [[1, 1, 1], [2.6, 2.6, 1], [1, 1, 1], [0.1, 1, 1]]
    assert factors is not None
    torch.testing.assert_close(factors, torch.tensor([expected], dtype=torch.float32))
    running[1] = False  # norms 3, 5 and 0.5 are left
    factors = rate_factors(state, torch.zeros(1, 4, 3), learns, running, options)
    expected = [[1, 1, 1], [5 / 3, 1, 1], [1, 1, 1], [1 / 6, 1, 1]]
    torch.testing.assert_close(factors, torch.tensor([expected], dtype=torch.float32))


@pytest.mark.parametrize("zero", [[0], [1], [0, 1], []])
def test_stages_without_a_norm_have_the_usual_rate(zero: list[int]) -> None:
    """So have all while stage 0 has none; nothing is NaN or infinite."""
    weight = torch.tensor([[[2.0], [6.0]]])
    weight[0, zero] = 0
    state = chip(weight, stage=stages([0], [1]))
    assert stage_factors(state, state.mask).tolist() == ([1, 1] if zero else [1, 3])


def test_rate_adaptation_and_rate_by_age_multiply() -> None:
    state = chip(torch.tensor([[[2.0, 6.0]]]), stage=stages([0, 1]))
    options = NewbornOptions(rate=2.0, warm_up=10, rate_adaptation=True)
    factors = rate_factors(state, torch.zeros(1, 1, 2), *everyone(state), options)
    torch.testing.assert_close(factors, torch.tensor([[[1.0, 3 * 2 / 10]]]))


def test_every_growth_event_is_the_next_stage_of_its_expert() -> None:
    """Two tiles of two neurons; the first tile is one expert, the second another that has grown three times."""
    mask = torch.zeros(2, 3, 2, dtype=torch.bool)
    mask[:, 0] = True
    state = chip(torch.ones(2, 3, 2), mask, torch.zeros(2, 3, 2, dtype=torch.int32))
    state.stage[1, 0, 1] = 3
    first, second = torch.tensor([True, True, False, False]), torch.tensor([False, False, True, True])
    expected = state.stage.clone()
    for expert, place, number in ((first, (0, 1, 0), 1), (second, (1, 1, 0), 4), (first, (0, 2, 1), 2)):
        before = state.mask.clone()
        state.mask[place] = True
        begin_stage(state, before, expert, USUAL)
        expected[place] = number
        assert torch.equal(state.stage, expected)
        assert (state.weight == 1).all()
    begin_stage(state, state.mask.clone(), first, NewbornOptions(variance_transfer=True))
    assert torch.equal(state.stage, expected)
    assert (state.weight == 1).all()


def test_old_inputs_make_room_by_hand() -> None:
    """Columns: 2 old inputs and 1 new; 1 and 2; 3 and none; none and 1. One old device is frozen."""
    before = torch.tensor([[[1, 1, 1, 0], [1, 0, 1, 0], [0, 0, 1, 0]]]).bool()
    after = torch.tensor([[[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 0]]]).bool()
    state = chip(torch.full((1, 3, 4), 2.0) * after, after.clone())
    state.frozen[0, 1, 0] = True
    begin_stage(state, before, torch.ones(4, dtype=torch.bool), NewbornOptions(variance_transfer=True))
    a, b = 2 * (2 / 3) ** 0.5, 2 * (1 / 3) ** 0.5
    expected = torch.tensor([[[a, b, 2, 0], [2, 2, 2, 2], [2, 2, 2, 0]]])
    torch.testing.assert_close(state.weight.detach(), expected)
    kept = torch.ones(1, 3, 4, dtype=torch.bool)
    kept[0, 0, :2] = False
    assert torch.equal(state.weight.detach()[kept], expected[kept])
    assert torch.equal(state.stage.bool(), after & ~before)


def test_several_births_in_one_event_are_as_good_as_one_after_another() -> None:
    """sqrt(m / (m + 1)) sqrt((m + 1) / (m + 2)) = sqrt(m / (m + 2)) for whoever was there before."""
    before = torch.zeros(1, 6, 1, dtype=torch.bool)
    before[:, :4] = True
    together = chip(torch.arange(1.0, 7.0).view(1, 6, 1))
    transfer_variance(together, before)
    apart = chip(torch.arange(1.0, 7.0).view(1, 6, 1), before.clone())
    for row in (4, 5):
        present = apart.mask.clone()
        apart.mask[0, row] = True
        transfer_variance(apart, present)
    torch.testing.assert_close(apart.weight[:, :4], together.weight[:, :4])


@pytest.mark.parametrize(("fan_out", "share"), [("as wide", 1.0), ("zero", 0.75)])
def test_the_variance_of_input_currents_stays(fan_out: str, share: float) -> None:
    """300 old inputs and 100 new ones, weights of variance 1 / inputs, independent spikes; 64 neurons, 1,000 samples.

    With a zero fan-out the share of the newborns is missing: 300 / 400. Without the switch as wide ones add a quarter.
    """
    generator = torch.Generator().manual_seed(0)
    old, new, rate = 300, 100, 0.2
    weight = torch.randn(1, old + new, 64, generator=generator, dtype=torch.float64)
    weight[:, :old] /= old**0.5
    weight[:, old:] *= (old + new) ** -0.5 if fan_out == "as wide" else 0
    before = torch.zeros(weight.shape, dtype=torch.bool)
    before[:, :old] = True
    spikes = (torch.rand(1000, old + new, generator=generator) < rate).double()

    def variance(devices: Tensor) -> float:
        return float((spikes @ devices[0]).var(0).mean())

    state = chip(weight)
    early, untouched = variance(weight * before), variance(weight)
    transfer_variance(state, before)
    assert early == pytest.approx(rate * (1 - rate), rel=0.04)
    assert untouched == pytest.approx(early * (1.25 if fan_out == "as wide" else 1.0), rel=0.04)
    assert variance(state.weight.detach()) == pytest.approx(early * share, rel=0.04)
