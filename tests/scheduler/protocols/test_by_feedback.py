"""Tasks that inputs do not tell apart: the same inputs ask for opposite answers, and nobody says when they change."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch

from smalti.model.gating.belief import BeliefOptions
from smalti.model.gating.detection import DetectionOptions
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.protocols.by_feedback import ByFeedback
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import memory

Timed = Callable[..., memory.Data]
STEPS, BATCH = 60, 16  # minibatches of an experience, and trials of one


def config(order: tuple[int, ...] = (0, 1, 0), **detect: Any) -> Config:
    return configure(
        {
            "fabric": {"rows": 1, "cols": 2, "neurons_per_tile": 20, "wires": 8, "inputs": "every"},
            "network": {"output_tau_ms": 5.0},
            "stream": {"name": "arrays", "boundaries": "hidden", "order": order},
            "training": {"rounds": 2, "steps": STEPS // 2, "batch": BATCH, "warm_up": 2},
            "growth": {"seed_width": 4, "when": "never", "reserve": 0, "siblings": True, "probe": 32},
            "gating.detect": {"by": "loss", "gather": 2 * BATCH, **detect},
        }
    )


def played(settings: Config, data: memory.Data, rounds: int | None = None) -> Simulation:
    simulation = Simulation(settings, data=data)
    while not simulation.finished and simulation.round != rounds:
        simulation.step()
    return simulation


def events(simulation: Simulation) -> list[tuple[int, str, int]]:
    rows = simulation.table("detections")
    return list(zip(rows["step"], rows["event"], rows["expert"], strict=True))


def test_new_tasks_get_experts_and_known_ones_theirs_by_losses_alone(timed: Timed) -> None:
    simulation = played(config(), timed(tasks=2))
    assert isinstance(simulation.protocol, ByFeedback)
    assert events(simulation) == [
        (0, "new", 0),
        (STEPS, "alarm", 0),
        (STEPS + 1, "new", 1),  # two minibatches are waited for
        (2 * STEPS, "alarm", 1),
        (2 * STEPS, "again", 0),
    ]
    assert [expert.tasks for expert in simulation.gating.experts] == [[0], [1]]
    assert [len(simulation.gating.losses[key]) for key in (0, 1)] == [4, 2]
    assert simulation.protocol.learned == 2 * STEPS
    assert [expert.classes for expert in simulation.gating.experts] == [(0,), (1,)]
    founded = simulation.table("detections").query("event != 'alarm'")
    assert (founded["detector"] == "belief").all()
    assert ((founded["value"] > founded["threshold"]) == (founded["event"] == "new")).all()


def test_other_experts_stay_as_they_are(timed: Timed) -> None:
    simulation = played(config(), timed(tasks=2), rounds=2)
    network = simulation.network
    weight, mask = network.state.weight.detach().clone(), network.state.mask.clone()
    while simulation.round < 4:
        simulation.step()
    assert torch.equal(network.state.weight.detach()[mask], weight[mask])
    both = network.state.weight.detach().clone()
    while not simulation.finished:
        simulation.step()
    now = network.state.weight.detach()
    assert torch.equal(now[~mask], both[~mask])  # the second one has learned nothing of the first one's trials
    assert torch.allclose(now[mask], weight[mask], atol=1e-3)  # the learning rate of the first one has run down


def test_labels_tell_nothing(timed: Timed) -> None:
    """Tasks that ask for the same are one, whatever they are called; the expert bears both names."""
    simulation = played(config((0, 1)), timed(tasks=2, alike=True))
    assert events(simulation) == [(0, "new", 0)]
    (expert,) = simulation.gating.experts
    assert expert.classes == (0, 1)


def test_the_truth_and_chance_may_raise_alarms_too(timed: Timed) -> None:
    told = played(config(by="told"), timed(tasks=2))
    assert [event for event in events(told) if event[1] != "alarm"] == [
        (0, "new", 0),
        (STEPS + 1, "new", 1),
        (2 * STEPS, "again", 0),
    ]
    drawn = played(config((0,), by="schedule", every=25), timed(tasks=1))
    assert events(drawn) == [(0, "new", 0), (25, "alarm", 0), (25, "again", 0), (50, "alarm", 0), (50, "again", 0)]
    assert drawn.gating.experts[0].tasks == [0]  # false alarms begin nothing


def test_nobody_learns_while_it_is_open_whose_trials_these_are(timed: Timed) -> None:
    simulation = played(config(gather=100 * BATCH), timed(tasks=2), rounds=2)
    protocol, weight = simulation.protocol, simulation.network.state.weight.detach().clone()
    assert isinstance(protocol, ByFeedback)
    simulation.step()
    assert protocol.doubtful == STEPS // 2 * BATCH
    assert torch.equal(simulation.network.state.weight.detach(), weight)
    while simulation.round < 5:  # the first task returns, and its expert explains it
        simulation.step()
    assert protocol.doubtful == 0
    assert events(simulation)[1:] == [(STEPS, "alarm", 0), (2 * STEPS, "again", 0)]


@pytest.mark.parametrize("rounds", [1, 2, 3, 5])
def test_a_run_goes_on_bit_for_bit(timed: Timed, rounds: int) -> None:
    waits = config(gather=50 * BATCH)  # from one round to the next
    whole, begun = played(waits, timed(tasks=2)), played(waits, timed(tasks=2), rounds)
    again = Simulation(waits, data=timed(tasks=2))
    again.load_state_dict(deepcopy(begun.state_dict()), begun.registry.neurons, begun.registry.links)
    while not again.finished:
        again.step()
    assert torch.equal(again.network.state.weight, whole.network.state.weight)
    assert again.gating.state_dict()["experts"] == whole.gating.state_dict()["experts"]
    assert again.gating.state_dict()["belief"] == whole.gating.state_dict()["belief"]
    assert again.protocol.state_dict().keys() == whole.protocol.state_dict().keys()
    assert repr(again.rows.evaluations) == repr(whole.rows.evaluations)
    assert again.rows.switches == whole.rows.switches


@pytest.mark.parametrize(
    ("section", "changes", "message"),
    [
        ("gating", {"detect": DetectionOptions()}, r"gating\.detect\.by = 'novelty' learns from classes .* take loss"),
        ("gating", {"belief": BeliefOptions(use="never")}, r"gating\.belief\.use = 'never' leaves nothing"),
        ("gating", {"experts": "shared"}, r"boundaries = 'hidden' has nobody to choose from: gating\.experts"),
        ("gating", {"network": "label"}, r"gating\.network = 'label' is told the task"),
        ("stream", {"setting": "domain"}, r"has nobody to choose from: stream\.setting = 'domain' .*; take class"),
        ("stream", {"drift": 0.2}, r"stream\.drift = 0\.2 mixes tasks within a minibatch"),
    ],
)
def test_what_feedback_cannot_do_is_refused(timed: Timed, section: str, changes: dict[str, Any], message: str) -> None:
    settings = config()
    with pytest.raises(ValueError, match=message):
        Simulation(replace(settings, **{section: replace(getattr(settings, section), **changes)}), data=timed(tasks=2))


def test_tasks_that_open_by_reuse_have_to_be_told(timed: Timed) -> None:
    settings = config()
    reuse = replace(settings.growth.reuse, by="experts")
    with pytest.raises(ValueError, match=r"growth\.reuse\.by = 'experts' needs to know when a task begins"):
        Simulation(replace(settings, growth=replace(settings.growth, reuse=reuse)), data=timed(tasks=2))


def test_classes_need_no_belief(tiny: Callable[..., Config]) -> None:
    assert Simulation(tiny(stream={"boundaries": "hidden"})).gating.belief is None
    with pytest.raises(ValueError, match=r"gating\.belief\.use = 'always' needs samples that ask for targets"):
        Simulation(tiny(gating={"belief": BeliefOptions(use="always")}))
