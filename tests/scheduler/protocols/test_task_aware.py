"""A task that is learned trains no further; all else is as it would have been."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from smalti.model.gating.networks.seed import SeedGating
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.runner import resume, start
from smalti.scheduler.simulation import Simulation

Shown = Callable[[Simulation], dict[int, int]]
MakeConfig = Callable[..., Config]


def played(config: Config) -> Simulation:
    simulation = Simulation(config)
    for _ in simulation:
        pass
    return simulation


@pytest.fixture
def quick(tiny: MakeConfig) -> Config:
    """Experiences of four rounds, of which the first is enough for the first task."""
    return tiny(training={"rounds": 4, "steps": 12, "learning_rate": 0.05, "enough_accuracy": 0.9})


def test_rounds_after_one_that_is_enough_train_nothing(quick: Config, tiny: MakeConfig) -> None:
    training = {"rounds": 4, "steps": 12, "learning_rate": 0.05, "validate": True}
    stopped, whole = played(quick).table("rounds"), played(tiny(training=training)).table("rounds")
    first = int((whole["validation"][:4] >= 0.9).argmax())
    assert whole["validation"][first] >= 0.9
    assert first < 3
    same = ["loss", "accuracy", "validation", "neurons", "writes"]
    assert stopped[same][: first + 1].equals(whole[same][: first + 1])
    rest = stopped[first + 1 : 4]
    assert rest["loss"].isna().all()
    assert (rest["writes"] == 0).all()
    assert (rest["validation"] == stopped["validation"][first]).all()
    assert not math.isnan(stopped["loss"][4])  # the next experience learns


def test_the_gate_sees_all_of_a_task_that_ends_early(tiny: MakeConfig, shown_to_gate: Shown) -> None:
    """Here after one round, in which no step has shown most samples."""
    simulation = Simulation(tiny(training={"rounds": 3, "steps": 2, "batch": 8, "enough_accuracy": 1e-9}))
    seen = shown_to_gate(simulation)
    losses = [record["loss"] for record in simulation]
    assert [math.isnan(float(str(loss))) for loss in losses] == [False, True, True] * 2
    assert seen == {e.task: len(e.train) for e in simulation.stream.experiences}


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(quick: Config, tmp_path: Path) -> None:
    def stop(simulation: Simulation) -> None:
        if simulation.round == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(quick, tmp_path / "run", stop)
    simulation, whole = resume(tmp_path / "run", lambda simulation: None), played(quick)
    assert torch.equal(simulation.network.state.weight, whole.network.state.weight)


def test_hidden_boundaries_end_no_task(tiny: MakeConfig) -> None:
    config = tiny(training={"enough_accuracy": 0.9}, stream={"boundaries": "hidden"})
    with pytest.raises(ValueError, match=r"training\.enough_accuracy = 0\.9 ends the training of a task"):
        Simulation(config)
    with pytest.raises(ValueError, match=r"training\.enough_accuracy = 1\.5 must lie in 0\.\.1"):
        tiny(training={"enough_accuracy": 1.5})


def test_a_task_that_is_drawn_to_return_learns_on_and_founds_nothing(tiny: MakeConfig) -> None:
    simulation = played(tiny(stream={"returns": 0.5, "shuffle": True}, training={"rounds": 2, "steps": 12}))
    rounds, (first, second, third) = simulation.table("rounds"), simulation.stream.experiences
    assert {first.task, second.task} == {0, 1}
    assert third in (first, second)
    assert rounds["task"].tolist() == [task for e in (first, second, third) for task in (e.task, e.task)]
    assert rounds["loss"].notna().all()
    assert len(simulation.gating.experts) == 2
    asked = simulation.table("evaluations")
    assert not asked.duplicated(["after", "on", "setting", "split"]).any()
    neurons = simulation.table("neurons")
    assert (neurons[neurons["birth_round"] >= 4]["rule"] != "seed").all()


@pytest.mark.parametrize("trunk", [True, False])
def test_a_gate_that_hears_the_first_expert_alone_keeps_all_classes_when_its_task_returns(
    tiny: MakeConfig, trunk: bool
) -> None:
    gating = {"network": "trunk", "trunk": trunk}
    simulation = Simulation(tiny(gating=gating, stream={"order": (0, 1, 0)}, training={"rounds": 2, "steps": 12}))
    for _ in range(4):
        simulation.step()
    agent = simulation.gating
    known, weight = agent.gate.classes, simulation.network.state.weight.detach().clone()
    assert known == (0, 1, 2, 3)
    for _ in simulation:
        pass
    assert agent.experts[0].lent == [2]
    assert agent.gate.classes == known
    assert torch.equal(simulation.network.state.weight, weight)


def test_an_expert_that_is_lent_as_it_is_forgets_nothing_of_what_is_heard(tiny: MakeConfig) -> None:
    """Each expert of this gate has a space, which only training takes away."""
    gating = {"network": "seed", "trunk": True}
    simulation = Simulation(tiny(gating=gating, stream={"order": (0, 1, 0)}, training={"rounds": 1, "steps": 12}))
    gate, held = simulation.gating.gate, []
    assert isinstance(gate, SeedGating)
    while not simulation.finished:
        simulation.step()
        held.append({expert: space.classes for expert, space in gate._spaces.items()})
    every = (0, 1, 2, 3)
    assert held == [{0: (0, 1)}, {0: every, 1: (2, 3)}, {0: every, 1: every}]
