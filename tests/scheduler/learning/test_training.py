from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from smalti.model.growth.learning_rates import NewbornOptions
from smalti.model.rewiring.options import RewiringOptions
from smalti.model.wiring_cost import WiringOptions
from smalti.scheduler.answers.judge import positions
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.learning.summary import Accumulator, TrainingSummary
from smalti.scheduler.learning.training import (
    Batch,
    Learner,
    Trainee,
    TrainingOptions,
    learning_rate,
    slope_of_excess,
    train_step,
)
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import TaskBatches

MakeConfig = Callable[..., Config]
ROUNDS, STEPS = 2, 5
OPTIONS = TrainingOptions(rounds=ROUNDS, steps=STEPS, learning_rate=0.1, warm_up=4)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, 0.1 * 1 / 4),
        (1, 0.1 * 2 / 4 * (1 + math.cos(math.pi / 10)) / 2),
        (4, 0.1 * (1 + math.cos(math.pi * 4 / 10)) / 2),
        (5, 0.05),
        (9, 0.1 * (1 - math.cos(math.pi / 10)) / 2),
    ],
)
def test_learning_rate_by_hand(number: int, expected: float) -> None:
    assert learning_rate(number, OPTIONS) == pytest.approx(expected)


def test_learning_rates_that_begin_anew() -> None:
    """Three stretches of a run of 6 rounds of 5 steps; each is what a run of its own would have."""
    options = replace(OPTIONS, rounds=6, restarts=(1, 3))
    rates = [learning_rate(number, options) for number in range(30)]
    alone = [[learning_rate(n, replace(OPTIONS, rounds=rounds)) for n in range(5 * rounds)] for rounds in (1, 2, 3)]
    assert rates == alone[0] + alone[1] + alone[2]
    with pytest.raises(ValueError, match=r"training\.restarts = \[3, 1\]"):
        replace(OPTIONS, restarts=(3, 1))


def test_learning_rate_without_warm_up_begins_at_its_peak_and_falls() -> None:
    rates = [learning_rate(number, replace(OPTIONS, warm_up=0)) for number in range(ROUNDS * STEPS)]
    assert rates[0] == 0.1
    assert all(later < earlier for earlier, later in pairwise(rates))
    assert rates[-1] > 0


def test_positions_follow_the_order_of_the_classes() -> None:
    assert positions((3, 7, 5), torch.tensor([5, 3, 7, 5])).tolist() == [2, 0, 1, 2]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rounds", 0),
        ("steps", 0),
        ("batch", -1),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("warm_up", -1),
        ("rate_limit", math.nan),
        ("rate_weight", -0.5),
        ("rate_weight", math.inf),
    ],
)
def test_impossible_options_are_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"training\.{field} = {value} must"):
        replace(OPTIONS, **{field: value})


@pytest.fixture
def opened(tiny: MakeConfig) -> Simulation:
    """After one round: an expert with some neurons."""
    simulation = Simulation(tiny(growth={"births": 2}))
    simulation.step()
    return simulation


def counts_of(simulation: Simulation, spikes: dict[int, float]) -> Tensor:
    """Two samples, of which the second shows ``spikes`` more than the first, which shows none."""
    counts = torch.zeros(simulation.fabric.neurons, 2)
    for slot, value in spikes.items():
        counts[slot, 1] = value
    return counts


def hidden_of(simulation: Simulation) -> Tensor:
    state = simulation.network.state
    return state.alive & ~state.output


def test_the_penalty_is_the_square_of_the_excess_of_the_mean_rate(opened: Simulation) -> None:
    first, second, *_ = opened.gating.experts[0].neurons
    options = replace(OPTIONS, rate_limit=0.25, rate_weight=3.0)
    counts = counts_of(opened, {first: 8.0, second: 10.0}).requires_grad_()  # mean: rates 0.4 and 0.5 in 10 steps
    above = (counts.mean(1) / 10 - 0.25).clamp(min=0)
    penalty = 3 * (above[[first, second]] ** 2).sum()
    assert float(penalty.detach()) == pytest.approx(3 * (0.15**2 + 0.25**2))
    slope = slope_of_excess(hidden_of(opened), counts.detach(), 10, options)
    assert slope is not None
    torch.testing.assert_close(slope, torch.autograd.grad(penalty, counts)[0])


def test_no_penalty_under_the_limit_nor_for_outputs_and_empty_slots(opened: Simulation) -> None:
    expert, alive = opened.gating.experts[0], opened.network.state.alive
    nobody = int(torch.nonzero(~alive)[0])
    spikes = {expert.neurons[0]: 5.0, expert.outputs[0]: 10.0, nobody: 10.0}
    counts, hidden = counts_of(opened, spikes), hidden_of(opened)
    assert slope_of_excess(hidden, counts, 10, replace(OPTIONS, rate_limit=0.25)) is None
    slope = slope_of_excess(hidden, counts, 10, replace(OPTIONS, rate_limit=0.2))
    assert slope is not None
    assert set(slope.nonzero()[:, 0].tolist()) == {expert.neurons[0]}


def summary(
    simulation: Simulation, options: TrainingOptions, newborns: NewbornOptions | None = None
) -> TrainingSummary:
    """Train the first expert anew on its experience."""
    network, expert = simulation.network, simulation.gating.experts[0]
    batches = TaskBatches(simulation.stream.experiences[0], simulation.stream.steps, 16, seed=5)
    trainee = Trainee(network, simulation.moments, simulation.rehearsal, simulation.grower.judge)
    learner = Learner.of(network, expert, simulation.gating.running(expert))
    shown = Accumulator(network)
    for number in range(options.steps):
        batch = Batch(*batches.training(number), batches.rows(number))
        rate = learning_rate(number, options)
        shown.add(learner, train_step(trainee, learner, batch, rate, options, newborns or NewbornOptions()))
    return shown.summary()


def test_loss_falls_on_two_classes_that_can_be_told_apart(opened: Simulation) -> None:
    options = TrainingOptions(rounds=4, steps=15, learning_rate=0.03, warm_up=2)
    before = summary(opened, replace(options, steps=1))
    summary(opened, options)
    after = summary(opened, replace(options, steps=4, learning_rate=1e-9))
    assert before.loss > 0.4
    assert after.loss < 0.5 * before.loss
    assert after.accuracy > 0.9


def test_newborns_warm_up_and_seeds_do_not(tiny: MakeConfig) -> None:
    """In the first step after a graft, from the same state: a newborn moves by 6 / 4 of the usual, a seed as usual."""
    moved, grown = [], torch.empty(0)
    for newborns in (NewbornOptions(), NewbornOptions(rate=6.0, warm_up=4)):
        simulation = Simulation(tiny(growth={"births": 2}, network={"precision": "float64"}))
        simulation.step()
        state = simulation.network.state
        before, grown = state.weight.detach().clone(), state.stage > 0
        summary(simulation, TrainingOptions(rounds=1, steps=1), newborns)
        moved.append(state.weight.detach() - before)
    assert moved[0][grown].any()
    assert moved[0][~grown].any()
    torch.testing.assert_close(moved[1], moved[0] * torch.where(grown, 1.5, 1.0), rtol=1e-9, atol=1e-15)


def test_frozen_devices_stay_bit_for_bit_and_the_others_move(opened: Simulation) -> None:
    state = opened.network.state
    used = torch.nonzero(state.mask)
    half = used[::2]
    state.frozen[half[:, 0], half[:, 1], half[:, 2]] = True
    before = state.weight.detach().clone()
    opened.moments.reset(state.mask)
    summary(opened, TrainingOptions(rounds=1, steps=8, learning_rate=0.05))
    moved = state.weight.detach() != before
    assert not (moved & (state.frozen | ~state.mask)).any()
    assert moved.sum() > 0.5 * (state.mask & ~state.frozen).sum()
    assert not opened.moments.second[state.frozen].any()


@pytest.mark.parametrize("readout", ["membrane_mean", "spike_count"])
def test_summary_counts_spikes_of_all_and_the_rate_of_hidden_neurons(tiny: MakeConfig, readout: str) -> None:
    simulation = Simulation(tiny(network={"readout": readout, "surrogate_width": 1.5}))
    simulation.step()
    expert = simulation.gating.experts[0]
    summary(simulation, TrainingOptions(rounds=1, steps=30))  # until outputs that count have something to count
    shown = summary(simulation, TrainingOptions(rounds=1, steps=3))
    hidden = shown.counts[expert.neurons].mean(1)
    assert shown.spikes_per_sample == pytest.approx(float(shown.counts.mean(1).sum()))
    assert shown.rate == pytest.approx(float(hidden.mean()) / simulation.stream.steps)
    assert 0 < shown.rate < 1
    assert shown.hop_spikes_per_sample > 0
    assert bool(shown.counts[list(expert.outputs)].any()) == (readout == "spike_count")


def test_operations_of_a_round_are_three_passes_over_every_sample(opened: Simulation) -> None:
    one, two = (summary(opened, TrainingOptions(rounds=1, steps=s, learning_rate=1e-9)) for s in (1, 2))
    state, spikes = opened.network.state, one.counts.mean(1)
    rows = state.mask.sum(2).double()
    of_neurons = sum(float(rows[state.source == s].sum() * spikes[s]) for s in range(len(spikes)))
    assert of_neurons > 0
    assert one.operations > 3 * 16 * of_neurons  # and those of input spikes
    assert two.operations == pytest.approx(2 * one.operations, rel=0.2)


def test_a_gradient_that_is_not_finite_stops_the_training_and_changes_no_weight(opened: Simulation) -> None:
    state = opened.network.state
    tile, row, column = torch.nonzero(state.mask)[0].tolist()
    with torch.no_grad():
        state.weight[tile, row, column] = math.nan
    before = state.weight.detach().clone()
    with pytest.raises(FloatingPointError, match="learning_rate"):
        summary(opened, TrainingOptions(rounds=1, steps=1))
    assert torch.equal(state.weight.nan_to_num(), before.nan_to_num())


@pytest.mark.parametrize("kind", ["l1", "length", "hops", "communicability"])
def test_wires_that_cost_leave_less_weight_on_both_engines(tiny: MakeConfig, kind: Any) -> None:
    """In training from the same state; the engines agree, and without a penalty nothing is other than before."""

    def trained(engine: Any, wiring: WiringOptions) -> tuple[Tensor, Tensor]:
        simulation = Simulation(
            tiny(
                network={"engine": engine, "precision": "float64"},
                training={"wiring": wiring},
                growth={"when": "never", "seed_width": 2, "siblings": True, "sibling_weight": 1.0},
            )
        )
        simulation.step()
        simulation.step()
        state, neurons = simulation.network.state, simulation.fabric.neurons
        driven = (state.source >= 0) & (state.source < neurons)
        return state.weight.detach(), driven[:, :, None] & state.mask

    dear = WiringOptions(penalty=kind, strength=0.3)
    (dense, by_neurons), (events, _), (free, mask) = (
        trained("dense", dear),
        trained("events", dear),
        trained("events", WiringOptions(strength=0.3)),
    )
    torch.testing.assert_close(events, dense, rtol=1e-6, atol=1e-9)
    assert torch.equal(free, trained("events", WiringOptions())[0])
    assert events[by_neurons].abs().sum() < free[mask].abs().sum()


def test_a_run_whose_wires_cost_resumes_bit_for_bit(
    tiny: MakeConfig, check_resume: Callable[[Config, int], None]
) -> None:
    wiring = WiringOptions(penalty="communicability", strength=0.2)
    rewiring = RewiringOptions(steps=("prune_magnitude", "swap"), guard=2)
    check_resume(tiny(training={"wiring": wiring, "rounds": 4}, growth={"rewiring": rewiring}), 3)


def test_wires_cost_where_boundaries_are_hidden(tiny: MakeConfig) -> None:
    weights = []
    for penalty in ("none", "length"):
        wiring = WiringOptions(penalty=penalty, strength=0.3)
        simulation = Simulation(tiny(training={"wiring": wiring}, stream={"boundaries": "hidden"}))
        for _ in range(2):
            simulation.step()
        weights.append(float(simulation.network.state.weight.detach().abs().sum()))
    assert weights[1] < weights[0]


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_without_protection_only_devices_of_neurons_that_run_are_written(tiny: MakeConfig, engine: str) -> None:
    """Experts that nobody hears neither move nor wear while others learn, though nothing freezes them."""
    simulation = Simulation(tiny(gating={"protect": False}, growth={"when": "never"}, network={"engine": engine}))
    for _ in range(4):
        simulation.step()
    network, (first, second) = simulation.network, simulation.gating.experts
    tiles, slots = network.fabric.tiles, network.fabric.slots

    def of(members: Tensor) -> tuple[Tensor, Tensor]:
        columns = torch.zeros(network.fabric.neurons, dtype=torch.bool)
        columns[members] = True
        devices = network.state.mask & columns.view(tiles, 1, slots)
        return network.state.weight.detach()[devices].clone(), network.memristors.wear.counts[devices].clone()

    assert not network.state.frozen.any()
    before, moved = of(first.members()), of(second.members())
    simulation.step()
    assert all(torch.equal(one, other) for one, other in zip(before, of(first.members()), strict=True))
    assert not torch.equal(moved[0], of(second.members())[0])
    assert int(simulation.table("rounds")["writes"].iloc[-1]) == simulation.config.training.steps * len(moved[0])
