"""Experts that learn their task better than they have to give neurons back."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth import fate, readout
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import VALIDATION

MakeConfig = Callable[..., Config]
Check = Callable[[Simulation], None]
ROUNDS = 5


@pytest.fixture
def giving(tiny: MakeConfig) -> Callable[..., Simulation]:
    """``giving(0.5)``: seeds of three in a tile, which give back with that score from the third of five rounds on."""

    def make(score: float, **growth: object) -> Simulation:
        options = {"when": "never", "seed_width": 3, "until": 0.4, "give_back": score, **growth}
        return Simulation(tiny(growth=options, training={"rounds": ROUNDS}))

    return make


def test_a_neuron_goes_in_every_round_that_can_mend_it(giving: Callable[..., Simulation], check: Check) -> None:
    simulation = giving(1e-9)
    gone = []
    for row in simulation:
        check(simulation)
        gone.append(row["retired"])
        assert row["given_back"] == row["retired"]
    assert gone == [0, 0, 1, 1, 0] * 2  # not before births end, and not after the last round
    neurons = simulation.table("neurons")
    assert neurons["retired_round"].dropna().tolist() == [2, 3, 7, 8]
    assert (neurons.loc[neurons["retired_round"].notna(), "kind"] == "hidden").all()


def test_nobody_goes_unasked(giving: Callable[..., Simulation]) -> None:
    assert sum(row["retired"] for row in giving(0.0)) == 0


def test_one_neuron_stays(giving: Callable[..., Simulation]) -> None:
    simulation = giving(1e-9, seed_width=1)
    left = len(simulation.gating.experts)
    for _ in simulation:
        left = min(len(expert.neurons) for expert in simulation.gating.experts)
    assert left >= 1


def test_who_goes_is_worth_least(giving: Callable[..., Simulation]) -> None:
    simulation = giving(1e-9, seed_width=4)
    for _ in range(2):
        simulation.step()
    (expert,), grower = simulation.gating.experts, simulation.grower
    x, wanted = simulation.batches_of(simulation.experience).evaluation(VALIDATION)
    worth = fate.worths(grower, expert, (x, wanted), 0.0)
    slot, score = fate.worth_least(grower, expert, (x, wanted))
    assert slot == min(expert.neurons, key=lambda slot: worth[slot])
    assert len({round(value, 6) for value in worth.values()}) > 1
    assert score == readout.judged(grower, expert, (x, wanted), (slot,))[0]
    simulation.grower.retire(slot, expert)
    assert (score, worth[slot]) == pytest.approx(readout.judged(grower, expert, (x, wanted)))


def test_a_run_that_was_interrupted_gives_back_the_same(giving: Callable[..., Simulation]) -> None:
    whole, part = giving(1e-9), giving(1e-9)
    for _ in range(3):
        part.step()
    resumed = giving(1e-9)
    resumed.load_state_dict(deepcopy(part.state_dict()), part.registry.neurons, part.registry.links)
    for simulation in (whole, resumed):
        for _ in simulation:
            pass
    assert torch.equal(whole.network.state.weight, resumed.network.state.weight)
    assert whole.gating.experts[0].neurons == resumed.gating.experts[0].neurons


@pytest.mark.parametrize(("asked", "gone"), [(0.8, 2), (0.81, 0)])
def test_who_cannot_be_done_without_stays(
    giving: Callable[..., Simulation], monkeypatch: pytest.MonkeyPatch, asked: float, gone: int
) -> None:
    monkeypatch.setattr(fate, "worth_least", lambda grower, expert, asked: (expert.neurons[0], 0.8))
    simulation = giving(asked)
    assert sum(next(iter(simulation))["retired"] for _ in range(ROUNDS)) == gone
