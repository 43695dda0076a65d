"""Samples whose task changes while they last: a line tells which of two opposite answers is wanted."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from smalti.scheduler.answers import evaluation
from smalti.scheduler.answers.sessions import Session, sessions, told
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import memory
from smalti.scheduler.streams.batches import TEST
from smalti.scheduler.streams.scores import SCORES
from smalti.scheduler.streams.types import Experience
from smalti.scheduler.streams.wanted import Wanted

STEPS, ASKED, WIDTH = 28, 20, 6
SETTINGS: dict[str, Any] = {
    "fabric": {"rows": 1, "cols": 2, "neurons_per_tile": 24, "wires": 8, "inputs": "every"},
    "network": {"output_tau_ms": 5.0},
    "stream": {"name": "arrays", "session": 2},
    "training": {"rounds": 4, "steps": 30, "learning_rate": 0.02, "batch": 16, "warm_up": 2},
    "growth": {"seed_width": 4, "when": "never", "reserve": 0, "siblings": True, "probe": 32},
}


def opposite(tasks: int = 2, samples: int = 120) -> memory.Data:
    """Which half of six channels fires more is to be said from step 20 on, by a sign that is told by a line a task."""
    side = np.random.default_rng(0).integers(2, size=tasks * samples)
    task = np.repeat(np.arange(tasks), samples)
    rate = np.full((len(side), STEPS, 6 + tasks), 0.2, dtype=np.float32)
    rate[side == 0, :, :3] = rate[side == 1, :, 3:6] = 0.8
    rate[:, :, 6:] = np.where(np.eye(tasks)[task], 0.9, 0.0)[:, None]
    said = np.zeros((len(side), STEPS, 1), dtype=np.float32)
    said[:, ASKED:, 0] = (np.where(task % 2, -1.0, 1.0) * (2 * side - 1))[:, None]
    weights = np.repeat((np.arange(STEPS) >= ASKED).astype(np.float32)[None], len(side), 0)
    return memory.arrays(rate, targets=said, weights=weights, task=[f"t{k}" for k in task])


def played(width: int, tasks: int = 2, **gating: Any) -> Simulation:
    data = opposite(tasks)
    simulation = Simulation(configure({**SETTINGS, "gating": {"running": width, **gating}}), data=data)
    while not simulation.finished:
        simulation.step()
    return simulation


@pytest.fixture(scope="module")
def runs_along() -> Simulation:
    return played(WIDTH)


@pytest.fixture(scope="module")
def decides_once() -> Simulation:
    return played(0)


def made(simulation: Simulation) -> list[Session]:
    experiences = simulation.stream.experiences
    return [*sessions(experiences, 2, lambda e: simulation.batches_of(e).evaluation(TEST))]


def halves(simulation: Simulation, answers: evaluation.Answers | None, session: Session) -> list[float]:
    """Variance explained in either half of sessions."""
    assert answers is not None
    assert answers.steps is not None
    targets, weights = session.wanted.targets, session.wanted.weights
    assert targets is not None
    assert weights is not None
    count = len(session.x)
    parts = zip(answers.steps.split(STEPS, 1), targets.split(count), weights.split(count), strict=True)
    return [SCORES["r2"](*part) for part in parts]


def test_sessions_hold_a_trial_of_every_task_in_turn() -> None:
    def samples(experience: Experience) -> tuple[Tensor, Wanted]:
        count = 5 - experience.task
        x = torch.full((count, 3, 2), experience.task, dtype=torch.uint8)
        return x, Wanted(torch.full((count,), experience.task), torch.zeros(count, 3, 1), torch.ones(count, 3))

    met = [Experience(task, str(task), (task,), *[None] * 3) for task in range(3)]  # type: ignore[list-item]
    assert not [*sessions(met[:1], 2, samples)]
    three = [*sessions(met, 2, samples)]
    assert [[task.task for task in session.tasks] for session in three] == [[0, 1], [1, 2], [2, 0]]
    for session, few in zip(three, (4, 3, 3), strict=True):
        first, second = (task.task for task in session.tasks)
        assert session.x.shape == (few, 6, 2)
        assert (session.x[:, :3] == first).all()
        assert (session.x[:, 3:] == second).all()
        assert session.wanted.labels.tolist() == [first] * few + [second] * few


def test_a_gate_that_runs_along_is_right_before_and_after_a_change(runs_along: Simulation) -> None:
    for session in made(runs_along):
        known = halves(runs_along, told(runs_along.gating, session), session)
        found = halves(runs_along, evaluation.without_label(runs_along.gating, session.x), session)
        assert min(known) > 0.9, "the experts have learned nothing: the test shows nothing"
        assert min(found) > 0.9
        assert found == pytest.approx(known, abs=0.05)


def test_a_gate_that_decides_once_is_right_before_a_change_alone(decides_once: Simulation) -> None:
    for session in made(decides_once):
        before, after = halves(decides_once, evaluation.without_label(decides_once.gating, session.x), session)
        assert before > 0.9
        assert after < 0  # the opposite of what is asked for


def test_who_is_told_answers_as_each_expert_does_while_its_task_lasts(runs_along: Simulation) -> None:
    agent = runs_along.gating
    for session in made(runs_along):
        answers = told(agent, session)
        assert answers is not None
        assert answers.steps is not None
        count = len(session.x)
        for (begin, end), task in zip(pairwise((0, STEPS, 2 * STEPS)), session.tasks, strict=True):
            alone = evaluation.with_task(agent, session.x, task.classes).steps
            assert alone is not None
            torch.testing.assert_close(answers.steps[:, begin:end], alone[:, begin:end])
        trials = [
            replace(answers, steps=steps).score(session.wanted[rows], runs_along.stream.readout)
            for steps, rows in zip(answers.steps.split(STEPS, 1), torch.arange(2 * count).split(count), strict=True)
        ]
        assert session.score(answers, runs_along.stream.readout) == pytest.approx(sum(trials) / 2, abs=0.02)


def test_nobody_is_told_of_a_task_that_has_no_expert(runs_along: Simulation) -> None:
    first, second = runs_along.stream.experiences
    (session, _) = made(runs_along)
    unknown = replace(session, tasks=(first, replace(second, classes=(7,))))
    assert told(runs_along.gating, unknown) is None


def test_all_experts_run_and_the_gate_is_paid_for_every_step(runs_along: Simulation) -> None:
    agent = runs_along.gating
    (session, _) = made(runs_along)
    alone = [evaluation.with_label(agent, expert, session.x, expert.classes) for expert in agent.experts]
    answers = evaluation.without_label(agent, session.x)
    assert answers.spikes_per_sample == pytest.approx(sum(one.spikes_per_sample for one in alone))
    assert answers.operations_per_sample == pytest.approx(sum(one.operations_per_sample for one in alone))
    assert answers.gate.adds_per_sample == 2 * STEPS * agent.gate.adds_per_sample
    assert answers.gate.latency == 0


def test_tables_tell_of_sessions_of_the_tasks_that_were_met() -> None:
    simulation = played(WIDTH, tasks=3)
    table = simulation.table("evaluations")
    rows = table[table["split"] == "session"]
    asked = {(row.after, row.on, row.setting) for row in rows.itertuples()}
    assert asked == {(a, on, s) for a in (1, 2) for on in range(a + 1) for s in ("task", "class")}
    last = rows[(rows["after"] == 2) & (rows["on"] == 2) & (rows["setting"] == "class")].iloc[0]
    session = made(simulation)[2]
    answers = evaluation.without_label(simulation.gating, session.x)
    assert last["accuracy"] == session.score(answers, simulation.stream.readout)
    assert last["samples"] == len(session.x)
    assert last["gate_adds_per_sample"] == answers.gate.adds_per_sample


def test_without_sessions_everything_else_stays_as_it_is(decides_once: Simulation) -> None:
    settings = {**SETTINGS, "stream": {"name": "arrays"}}
    usual = Simulation(configure(settings), data=opposite())
    while not usual.finished:
        usual.step()
    table, plain = (one.table("evaluations") for one in (decides_once, usual))
    assert set(plain["split"]) == {"validation", "test"}
    assert table[table["split"] != "session"].reset_index(drop=True).equals(plain.reset_index(drop=True))
