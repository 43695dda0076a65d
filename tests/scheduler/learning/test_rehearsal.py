from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np
import pytest
import torch

from smalti.model.continual import METHODS, ContinualOptions
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.learning.rehearsal import answers
from smalti.scheduler.records.rows import RoundRows
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import TaskBatches
from smalti.scheduler.streams.wanted import Wanted

MakeConfig = Callable[..., Config]
Play = Callable[[Config], tuple[Simulation, list[RoundRows]]]
SHARED = {"experts": "shared", "protect": False}


@pytest.fixture
def kept(tiny: MakeConfig) -> Callable[..., Config]:
    """``kept("ewc", ...)``: one static expert with wide seeds for both tasks, kept by a method, with changes."""

    def make(method: str, engine: str = "auto", setting: str = "class", **options: object) -> Config:
        return tiny(
            growth={"when": "never", "seed_width": 2},
            gating=SHARED,
            stream={"setting": setting},
            network={"precision": "float64", "engine": engine},
            training={"continual": ContinualOptions(method=method, **options)},  # type: ignore[arg-type]
        )

    return make


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")
@pytest.mark.parametrize("setting", ["class", "task"])
@pytest.mark.parametrize("method", METHODS)
def test_both_engines_give_the_same_numbers(kept: MakeConfig, play: Play, method: str, setting: str) -> None:
    ends = []
    for engine in ("dense", "events"):
        simulation, rounds = play(kept(method, engine, setting))
        ends.append((simulation, [row["loss"] for rows in rounds for row in rows.rounds]))
    (dense, losses), (events, others) = ends
    assert others == pytest.approx(losses, rel=1e-7)
    torch.testing.assert_close(events.network.state.weight, dense.network.state.weight, rtol=1e-6, atol=1e-9)
    states = [simulation.rehearsal.method.state_dict() for simulation in (dense, events)]
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        torch.testing.assert_close(states[1][name], value, rtol=1e-5, atol=1e-9)
    assert dense.rehearsal.stored_values == events.rehearsal.stored_values


@pytest.mark.parametrize("method", [name for name in METHODS if name != "none"])
def test_every_method_changes_what_is_learned_in_the_second_task_at_most(
    kept: MakeConfig, play: Play, method: str
) -> None:
    """All but gdumb train on the first task as if they were not there."""
    strong = {"ewc_strength": 1e5} if method.startswith("ewc") else {}
    plain, with_method = play(kept("none"))[1], play(kept(method, **strong))[1]
    losses = [[row["loss"] for rows in rounds for row in rows.rounds] for rounds in (plain, with_method)]
    assert (losses[0][:3] == losses[1][:3]) == (method != "gdumb")
    assert losses[0][4:] != losses[1][4:]


@pytest.mark.parametrize("method", ["ewc", "ewc_online", "si"])
def test_a_stiff_penalty_holds_the_weights(kept: MakeConfig, play: Play, method: str) -> None:
    moved = []
    for strength in (0.0, 1e6):
        simulation = Simulation(kept(method, ewc_strength=strength, si_strength=strength))
        for _ in range(3):
            simulation.step()
        before, known = simulation.network.state.weight.detach().clone(), simulation.rehearsal.method.devices
        weighs = next(value for name, value in known.items() if "fisher" in name or name == "importance") > 1e-6
        assert weighs.sum() > 20
        while not simulation.finished:
            simulation.step()
        moved.append(float((simulation.network.state.weight.detach() - before)[weighs].abs().mean()))
    assert moved[1] < 0.4 * moved[0]


def rehearsed(simulation: Simulation) -> tuple[torch.Tensor, torch.Tensor]:
    """Two new samples, and what is recalled beside them in step 0 of the second task."""
    batches = TaskBatches(simulation.stream.experiences[1], simulation.stream.steps, 16, seed=0)
    x, wanted = batches.training(0)
    x, wanted = simulation.rehearsal.rehearse(batches, 0, x[:2], wanted[:2])
    return x, wanted.labels


def test_stored_samples_come_with_fresh_spikes_beside_new_ones(kept: MakeConfig) -> None:
    simulation = Simulation(kept("replay", capacity=4))
    assert len(rehearsed(simulation)[0]) == 2
    for _ in range(3):
        simulation.step()
    x, labels = rehearsed(simulation)
    assert labels[:2].tolist() != labels[2:].tolist()
    assert set(labels[2:].tolist()) <= {0, 1}
    assert x.shape == (4, simulation.stream.steps, simulation.stream.channels)
    new = Wanted(labels[:2])
    drawn = [simulation.rehearsal.rehearse(batches_of(simulation, 1), n, x[:2], new)[0][2:] for n in range(200)]
    entries = simulation.rehearsal.method.notes["entries"]
    wanted = np.stack([simulation.stream.experiences[0].train.x[row, 0] for _, row, _ in entries.tolist()])
    means = torch.cat(drawn).double().mean((0, 1))
    assert means.numpy() == pytest.approx(wanted.mean(0), abs=0.03)  # of all stored samples, by firing probability


def batches_of(simulation: Simulation, task: int) -> TaskBatches:
    return TaskBatches(simulation.stream.experiences[task], simulation.stream.steps, 16, seed=0)


def test_gdumb_trains_on_stored_samples_of_all_classes_alone(kept: MakeConfig) -> None:
    simulation = Simulation(kept("gdumb", capacity=8))
    first = None
    for number in range(4):
        simulation.step()
        if number == 0:
            first = simulation.rehearsal.method.devices["first"].clone()
    assert first is not None
    assert torch.equal(simulation.rehearsal.method.devices["first"], first)
    _, labels = rehearsed(simulation)
    assert len(labels) == 2
    labels = simulation.rehearsal.method.notes["entries"][:, 2]
    assert labels.bincount().tolist() == [2, 2, 2, 2]
    assert simulation.rehearsal.stored_values == 8 * (8 + 1) + int(simulation.network.state.mask.sum())


def test_answers_are_recorded_before_the_task_with_its_own_samples(kept: MakeConfig) -> None:
    simulation = Simulation(kept("lwf"))
    for _ in range(3):
        simulation.step()
    expert, train = simulation.gating.experts[0], simulation.stream.experiences[1].train
    running = simulation.gating.running(expert)
    x = torch.zeros(5, simulation.stream.steps, simulation.stream.channels, dtype=torch.uint8)
    before = answers(simulation.grower.judge, expert, running, x)
    simulation.step()
    notes = simulation.rehearsal.method.notes
    assert notes["answers"].shape == (len(train), 4)
    assert notes["old"].tolist() == [[True, True, False, False]]
    assert not torch.allclose(answers(simulation.grower.judge, expert, running, x + 1), before + notes["answers"][:5])


def test_samples_of_other_tasks_need_one_expert(tiny: MakeConfig) -> None:
    for method in ("replay", "gdumb"):
        with pytest.raises(ValueError, match=rf"method = '{method}' .* set gating\.experts = 'shared'"):
            Simulation(tiny(training={"continual": ContinualOptions(method=method)}))
    Simulation(tiny(training={"continual": ContinualOptions(method="ewc")}, gating={"taps": True, "protect": False}))


def test_outputs_of_classes_to_come_are_no_answer_and_get_no_gradient(kept: MakeConfig) -> None:
    simulation = Simulation(kept("none"))
    simulation.step()
    expert, state, slots = simulation.gating.experts[0], simulation.network.state, simulation.fabric.slots
    fan_in = [state.weight[slot // slots, :, slot % slots].detach() for slot in expert.outputs]
    assert [bool(weights.any()) for weights in fan_in] == [True, True, False, False]
    rows = [row for row in simulation.rows.evaluations if row["setting"] == "class" and row["on"] == 1]
    assert rows
    assert all(row["accuracy"] == 0 for row in rows)


def test_a_told_task_leaves_the_outputs_of_others_alone(kept: MakeConfig) -> None:
    """In setting task the softmax is over the task's classes, in setting class over all seen so far."""
    moved = {}
    for setting in ("class", "task"):
        simulation = Simulation(kept("none", setting=setting))
        for _ in range(3):
            simulation.step()
        expert, state, slots = simulation.gating.experts[0], simulation.network.state, simulation.fabric.slots
        simulation.moments.first.zero_()  # nothing moves on by momentum
        columns = [(slot // slots, slice(None), slot % slots) for slot in expert.outputs[:2]]
        before = [state.weight[column].detach().clone() for column in columns]
        simulation.step()
        moved[setting] = any(not torch.equal(state.weight[c].detach(), b) for c, b in zip(columns, before, strict=True))
    assert moved == {"class": True, "task": False}


def test_elastic_protection_lets_a_trunk_move_a_little(tiny: MakeConfig) -> None:
    """Later experts train on through the neurons of the first one: frozen, pulled back more or less, free."""
    moved = []
    for gating in ({}, {"stiffness": 1e3}, {"stiffness": 1e-3}, {"protect": False}):
        simulation = Simulation(tiny(gating={"trunk": True, **gating}, network={"precision": "float64"}))
        for _ in range(3):
            simulation.step()
        before, trunk = simulation.network.state.weight.detach().clone(), simulation.network.state.mask.clone()
        while not simulation.finished:
            simulation.step()
        moved.append(float((simulation.network.state.weight.detach() - before)[trunk].square().sum()))
    assert moved[0] == 0
    assert 0 < moved[1] < 0.5 * moved[2]
    assert moved[2] == pytest.approx(moved[3], rel=0.5)


def test_random_numbers_of_buffers_follow_the_seed(kept: MakeConfig) -> None:
    simulation = Simulation(kept("replay"))
    for _ in range(3):
        simulation.step()
    one = rehearsed(simulation)
    assert all(torch.equal(a, b) for a, b in zip(one, rehearsed(simulation), strict=True))
    simulation.reorder(77)
    other = rehearsed(simulation)
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
