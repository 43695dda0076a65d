"""Trials in blocks, where the inputs of two tasks are the same: only feedback tells them apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from smalti.model import costs
from smalti.scheduler.answers import blocks, evaluation
from smalti.scheduler.checks.simulation import by_feedback
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import memory
from smalti.scheduler.streams.batches import TEST

Timed = Callable[..., memory.Data]


def played(data: memory.Data, boundaries: str = "told", use: str = "always") -> Simulation:
    simulation = Simulation(
        configure(
            {
                "fabric": {"rows": 1, "cols": 2, "neurons_per_tile": 24, "wires": 8, "inputs": "every"},
                "network": {"output_tau_ms": 5.0},
                "stream": {"name": "arrays", "boundaries": boundaries},
                "training": {"rounds": 2, "steps": 30, "batch": 16, "warm_up": 2},
                "growth": {"seed_width": 4, "when": "never", "reserve": 0, "siblings": True, "probe": 32},
                "gating": {"belief": {"use": use}, "detect": {"by": "loss"}},
            }
        ),
        data=data,
    )
    while not simulation.finished:
        simulation.step()
    return simulation


@pytest.fixture(scope="module")
def told(timed: Timed) -> Simulation:
    """Three tasks, the first and the last of which ask for the same."""
    return played(timed(tasks=3, samples=120))


def asked(simulation: Simulation, task: int) -> tuple[Any, ...]:
    return simulation.batches_of(simulation.stream.experiences[task]).evaluation(TEST)


def test_the_answers_of_a_block_are_those_of_whom_a_filter_by_hand_chooses(told: Simulation) -> None:
    agent, (x, wanted) = told.gating, asked(told, 1)
    assert agent.belief is not None
    assert agent.criterion is not None
    alone = [evaluation.with_label(agent, expert, x, expert.classes).steps for expert in agent.experts]
    losses = [
        agent.criterion.losses(said, wanted.targets, wanted.weights).double() for said in alone if said is not None
    ]
    usual = [agent.belief.usual[number].loss for number in range(3)]
    hazard = agent.options.belief.hazard
    belief = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)  # block of task 1: begins on the one before
    block = blocks.answer(agent, (1,), x, wanted)
    assert block is not None
    assert block.answers.steps is not None
    who = []
    for trial, said in enumerate(block.answers.steps):
        belief = (1 - hazard) * belief + hazard / 3
        who.append(int(belief.argmax()))
        chosen = alone[who[-1]]
        assert chosen is not None
        assert torch.equal(said, chosen[trial])
        belief = belief * torch.tensor([torch.exp(-losses[e][trial] / usual[e]) / usual[e] for e in range(3)])
        belief = belief / belief.sum()
    assert who[0] == 0
    assert block.answers.classes.tolist() == who
    assert [(one.believed, one.right) for one in block.switches] == [(2, 1), (0, 1)]
    assert block.switches[1].trials == who.index(1)
    assert block.switches[1].kept == 1.0


def test_one_wrong_answer_is_what_a_change_of_task_costs(told: Simulation) -> None:
    x, wanted = asked(told, 1)
    told_so = evaluation.with_task(told.gating, x, (1,)).score(wanted, told.stream.readout)
    block = blocks.answer(told.gating, (1,), x, wanted)
    assert block is not None
    assert block.answers.score(wanted, told.stream.readout) < told_so
    rest = slice(block.switches[1].trials, None)
    steps = block.answers.steps
    assert steps is not None
    own = evaluation.with_task(told.gating, x[rest], (1,))
    after = replace(block.answers, steps=steps[rest])
    assert after.score(wanted[rest], told.stream.readout) == own.score(wanted[rest], told.stream.readout)


def test_all_experts_are_paid_for(told: Simulation) -> None:
    agent, (x, wanted) = told.gating, asked(told, 0)
    each = [evaluation.with_label(agent, expert, x, expert.classes) for expert in agent.experts]
    block = blocks.answer(agent, (0,), x, wanted)
    assert block is not None
    assert block.answers.spikes_per_sample == pytest.approx(sum(one.spikes_per_sample for one in each))
    assert block.answers.operations_per_sample == pytest.approx(sum(one.operations_per_sample for one in each))
    assert block.answers.gate.stored_values == 3 * 14 * 2 + 2 * 3
    assert costs.usage(agent.network).neurons == 12


def test_the_tables_tell_of_every_pair_of_experts(told: Simulation) -> None:
    switches = told.table("switches")
    last = switches[(switches["after"] == 2) & (switches["split"] == "test")]
    pairs = [(on, other) for on in range(3) for other in range(3) if other != on]
    assert sorted(zip(last["on"], last["believed"], strict=True)) == pairs
    assert (last["expert"] == last["on"]).all()
    assert (last["found"] == last["trials"].between(0, blocks.WITHIN)).all()
    assert last[last["on"] == 1]["found"].all()
    assert not set(switches["after"]) & {-1, 0}  # a single expert needs no finding
    asked = told.table("evaluations")
    assert set(asked["setting"]) == {"task", "class"}
    assert (asked[(asked["after"] == 2) & (asked["setting"] == "class") & (asked["on"] == 1)]["accuracy"] > 0.5).all()


def test_where_feedback_chooses(timed: Timed) -> None:
    usual = played(timed(tasks=2), use="never")
    assert usual.gating.belief is None
    assert usual.table("switches").empty
    hidden = {"stream.cognitive.rule": "hidden", "stream.cognitive.tasks": ("fdgo",), "stream.cognitive.trials": 32}
    for changes, chosen in (({}, False), (hidden, True), ({**hidden, "gating.belief.use": "never"}, False)):
        simulation = Simulation("cognitive", **{"stream.cognitive.tasks": ("fdgo",), **changes})
        assert by_feedback(simulation.config, simulation.stream) == chosen
        assert (simulation.gating.belief is not None) == chosen
