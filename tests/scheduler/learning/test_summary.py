from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.learning.summary import Accumulator, TrainingSummary
from smalti.scheduler.learning.training import Batch, Learner, Trainee, learning_rate, train_step
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]
NUMBERS = ("loss", "accuracy", "rate", "spikes_per_sample", "hop_spikes_per_sample", "operations", "learning_rate")


def trained(simulation: Simulation, sizes: tuple[int, ...], apart: bool) -> Accumulator:
    """Steps of these sizes by the first expert, by one learner or, ``apart``, by a new one in each."""
    network, expert, options = simulation.network, simulation.gating.experts[0], simulation.config.training
    batches, shown = simulation.batches_of(simulation.stream.experiences[0]), Accumulator(network)
    trainee = Trainee(network, simulation.moments, simulation.rehearsal, simulation.grower.judge)
    learner = Learner.of(network, expert, simulation.gating.running(expert))
    for number, size in enumerate(sizes):
        if apart:
            learner = Learner.of(network, expert, simulation.gating.running(expert))
        x, labels = batches.training(number)
        batch = Batch(x[:size], labels[:size], torch.arange(size))
        newborns = simulation.config.growth.newborns
        shown.add(learner, train_step(trainee, learner, batch, learning_rate(number, options), options, newborns))
    return shown


@pytest.fixture
def opened(tiny: MakeConfig) -> Callable[[], Simulation]:
    def make() -> Simulation:
        simulation = Simulation(tiny(network={"precision": "float64"}))
        simulation.step()
        return simulation

    return make


def assert_close(one: TrainingSummary, other: TrainingSummary) -> None:
    for name in NUMBERS:
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12), name
    torch.testing.assert_close(one.counts.mean(1), other.counts.mean(1))
    torch.testing.assert_close(one.input_spikes, other.input_spikes)


def test_single_minibatches_put_together_are_the_round(opened: Callable[[], Simulation]) -> None:
    sizes, weights, summaries = (16, 16, 16, 16), [], []
    for apart in (False, True):
        simulation = opened()
        shown = trained(simulation, sizes, apart)
        assert shown.stretches == (len(sizes) if apart else 1)
        summaries.append(shown.summary())
        weights.append(simulation.network.state.weight.detach().clone())
    assert torch.equal(*weights)
    assert_close(*summaries)


def test_a_sample_counts_alike_in_a_minibatch_of_any_size(opened: Callable[[], Simulation]) -> None:
    """Weighted by hand from the summaries of the steps by themselves."""
    shown = trained(opened(), (16, 4), apart=False)
    assert shown.stretches == 2
    whole, second, first = shown.summary(), shown.summary(first=1), trained(opened(), (16,), apart=False).summary()
    for name in ("loss", "accuracy", "rate", "spikes_per_sample", "hop_spikes_per_sample"):
        expected = (16 * getattr(first, name) + 4 * getattr(second, name)) / 20
        assert getattr(whole, name) == pytest.approx(expected, rel=1e-12), name
    assert whole.operations == first.operations + second.operations
    assert whole.learning_rate == second.learning_rate != first.learning_rate
    expected = (16 * first.counts.mean(1) + 4 * second.counts.mean(1)) / 20
    torch.testing.assert_close(whole.counts[:, 0], expected)


def test_the_chip_counts_as_it_was_when_a_step_was_made(opened: Callable[[], Simulation]) -> None:
    simulation = opened()
    shown = trained(simulation, (16,), apart=False)
    before = shown.summary()
    simulation.network.state.mask.zero_()
    assert shown.summary().operations == before.operations > 0


def test_no_step_at_all(tiny: MakeConfig) -> None:
    nothing = Accumulator(Simulation(tiny()).network).summary()
    assert math.isnan(nothing.loss)
    assert nothing.operations == 0.0
    assert not nothing.counts.any()
