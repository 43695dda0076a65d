"""Gates of two levels that take part in a run: who runs, what is asked in which setting, and what that costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import torch

from smalti.model.gating.networks.levels import LevelsGating
from smalti.scheduler.answers import evaluation, relayed
from smalti.scheduler.answers.question import question
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.records.rows import RoundRows
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import VALIDATION

Make = Callable[..., Config]
Play = Callable[[Config], tuple[Simulation, list[RoundRows]]]
CheckResume = Callable[[Config, int], None]
GATES = {"gating.network": "levels"}
ONE_LEVEL = {"growth.levels": {"relay": 0, "north": 32, "south": 16, "trial": 60}}
CHIP = {**GATES, "gating.levels.north": "crossbar", "gating.crossbar.centres": 2}


@pytest.fixture(scope="module")
def played(make: Make, play: Play) -> Simulation:
    return play(make(**GATES))[0]


def last(simulation: Simulation, split: str = "validation") -> pd.Series:
    table = simulation.table("evaluations")
    table = table[(table["after"] == table["after"].max()) & (table["split"] == split)]
    return table.groupby("setting")["accuracy"].mean()


def test_every_setting_is_asked(played: Simulation) -> None:
    accuracy = last(played)
    assert {"task", "question", "view", "class", "experts", "gate"} == {*accuracy.index}
    assert accuracy["question"] > 0.9 * accuracy["task"]  # inputs say the view, and nothing the question
    assert accuracy["question"] > accuracy["view"]
    assert abs(accuracy["view"] - accuracy["class"]) < 0.1
    held = last(played, "unseen_validation")
    assert {"task", "question", "class"} == {*held.index}
    assert held["question"] >= held["class"]


def test_gates_know_the_parts_of_every_expert(played: Simulation) -> None:
    agent = played.gating
    assert isinstance(agent.gate, LevelsGating)
    assert agent.gate.paths == {expert.number: expert.path for expert in agent.experts}
    assert agent.gate.classes == tuple(sorted(c for expert in agent.experts for c in expert.classes))


def test_of_north_parts_those_run_that_are_chosen(played: Simulation) -> None:
    agent, levels = played.gating, played.gating.levels
    x, _ = played.batches_of(played.stream.experiences[0]).evaluation(VALIDATION)
    assert isinstance(agent.gate, LevelsGating)
    heard = relayed.heard(agent, agent.gate, x)
    chosen = agent.gate.ways(agent.gate.first(heard.counts))[:, 0]
    per_slot = torch.zeros(played.network.fabric.neurons, len(x), dtype=torch.float64)
    per_slot[heard.spikes.slots] = heard.spikes.counts.double()
    for number, part in enumerate(levels.north):
        assert (per_slot[part.neurons][:, chosen != number] == 0).all()
    assert all((per_slot[part.neurons] == 0).all() for part in levels.south)
    assert per_slot[levels.relay].sum() > 0


def test_who_has_been_heard_goes_on_and_runs_once(played: Simulation) -> None:
    agent = played.gating
    experience = played.stream.experiences[0]
    x, _ = played.batches_of(experience).evaluation(VALIDATION)
    expert = agent.find(experience.classes)
    assert expert is not None
    asked = question(agent, x).among((expert.number,))
    by_gates = evaluation.without_label(agent, x, expert.classes)
    alone = evaluation.of_experts(agent, [(expert, torch.arange(len(x)))], x)
    assert by_gates.spikes_per_sample == pytest.approx(alone.spikes_per_sample)
    assert by_gates.operations_per_sample == pytest.approx(alone.operations_per_sample)
    assert by_gates.gate.latency == 2 * x.shape[1]
    assert asked.heard.work.additions == pytest.approx(asked.heard.goes_on.additions)


def test_all_ways_may_be_tried(make: Make, play: Play) -> None:
    simulation, _ = play(make(**GATES, **{"gating.levels.ways": 0, "gating.top": 0}))
    agent = simulation.gating
    assert isinstance(agent.gate, LevelsGating)
    x, _ = simulation.batches_of(simulation.stream.experiences[0]).evaluation(VALIDATION)
    asked = question(agent, x)
    assert asked.posterior.isfinite().all()
    assert asked.heard.work.additions > asked.heard.goes_on.additions > 0
    assert last(simulation)["question"] > 0.9 * last(simulation)["task"]


def test_a_gate_that_draws_lots_finds_neither_factor(make: Make, play: Play) -> None:
    lots = {"gating.levels.north": "random", "gating.levels.south": "random"}
    simulation, _ = play(make(**GATES, **lots))
    assert last(simulation)["question"] < 0.7 * last(simulation)["task"]


def test_of_one_level_the_gate_chooses_among_those_who_know_the_question(make: Make, play: Play) -> None:
    simulation, _ = play(make(**ONE_LEVEL, **{"gating.network": "gaussian", "growth.seed_width": 6}))
    accuracy, held = last(simulation), last(simulation, "unseen_validation")
    assert accuracy["question"] > accuracy["class"]
    assert {*held.index} == {"task", "question"}
    told = last(simulation, "unseen_test")
    assert (told < 0.8).all()  # another view


@pytest.mark.parametrize("engine", ["dense", "events"])
@pytest.mark.parametrize("gates", [GATES, CHIP], ids=["gaussian", "crossbar"])
def test_a_run_goes_on_as_if_it_had_not_been_stopped(
    make: Make, check_resume: CheckResume, engine: str, gates: dict[str, Any]
) -> None:
    check_resume(make(**gates, **{"network.engine": engine}), 5)


def test_the_first_gate_may_stand_on_the_chip(make: Make, play: Play) -> None:
    simulation, _ = play(make(**CHIP))
    agent, accuracy = simulation.gating, last(simulation)
    assert isinstance(agent.gate, LevelsGating)
    chip = agent.gate.chip
    assert chip is not None
    assert chip.classes == tuple(range(len(agent.levels.north)))  # a discriminant for each part, not for each class
    assert len(chip.columns) == 2 * len(agent.levels.north)
    assert accuracy["question"] > 0.85 * accuracy["task"]
    x, _ = simulation.batches_of(simulation.stream.experiences[0]).evaluation(VALIDATION)
    asked = question(agent, x)
    assert asked.heard.work.additions > asked.heard.goes_on.additions  # the columns run beside
    assert asked.cost.counted_spikes == pytest.approx(agent.gate.relayed(asked.heard.counts))
    steps = simulation.table("openings")["step"]
    assert (steps == "gate").sum() == len(simulation.stream.experiences)


def test_without_columns_all_parts_are_alike(make: Make, play: Play) -> None:
    simulation, _ = play(make(**CHIP, **{"fabric.neurons_per_tile": 48, "gating.windows": 15}))
    gate = simulation.gating.gate
    assert isinstance(gate, LevelsGating)
    assert gate.chip is not None
    assert len(gate.chip.classes) < gate.parts
    assert simulation.table("openings").query("step == 'gate'")["refused"].str.contains("columns of").any()


def test_one_level_has_no_use_for_two_gates(make: Make) -> None:
    with pytest.raises(ValueError, match=r"gating.network = 'levels' .* growth.levels.relay = 0 makes one"):
        Simulation(make(**GATES, **ONE_LEVEL))


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_what_experts_have_said_tells_what_the_relay_did(make: Make, play: Play, engine: str) -> None:
    simulation, _ = play(make(**GATES, **{"network.engine": engine}))
    agent = simulation.gating
    assert isinstance(agent.gate, LevelsGating)
    x, _ = simulation.batches_of(simulation.stream.experiences[3]).evaluation(VALIDATION)
    anew, known = relayed.heard(agent, agent.gate, x), question(agent, x).heard
    assert torch.equal(anew.counts, known.counts)
    assert torch.equal(anew.spikes.slots, known.spikes.slots)
    assert torch.equal(anew.spikes.counts, known.spikes.counts.double())
    assert anew.work == known.work
