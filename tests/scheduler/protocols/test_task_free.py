from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from smalti.model.gating.detection import DETECTORS, DetectionOptions
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth.seed_expert import extend_expert
from smalti.scheduler.protocols.task_aware import TaskAware
from smalti.scheduler.protocols.task_free import TaskFree
from smalti.scheduler.records.rows import RoundRows
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]
Play = Callable[[Config], tuple[Simulation, list[RoundRows]]]
SOON = {"rest": 2, "gather": 16, "hold": 6, "every": 5}


def hidden(tiny: MakeConfig, by: str, order: tuple[int, ...] = (), drift: float = 0.0, **changes: Any) -> Config:
    detect = DetectionOptions(by=by, **SOON)
    stream = {"boundaries": "hidden", "order": order, "drift": drift, **changes.pop("stream", {})}
    gating = {"detect": detect, **changes.pop("gating", {})}
    return tiny(stream=stream, gating=gating, fabric={"neurons_per_tile": 12}, **changes)


def protocol_of(simulation: Simulation) -> TaskFree:
    assert isinstance(simulation.protocol, TaskFree)
    return simulation.protocol


def events(rounds: list[RoundRows]) -> list[tuple[int, str, int, list[int]]]:
    rows = [row for rows in rounds for row in rows.detections]
    return [(row["step"], row["event"], row["expert"], row["classes"]) for row in rows]  # type: ignore[misc]


@pytest.mark.parametrize("drift", [0.0, 0.4])
@pytest.mark.parametrize("by", DETECTORS)
def test_any_detector_keeps_the_limits_and_its_books(play: Play, tiny: MakeConfig, by: str, drift: float) -> None:
    simulation, rounds = play(hidden(tiny, by, (0, 1, 0), drift))
    served = [c for expert in simulation.gating.experts for c in expert.classes]
    assert sorted(served) == [0, 1, 2, 3]  # in the end every label has one expert, whatever was noticed
    assert [row["experience"] for rows in rounds for row in rows.rounds] == [0] * 3 + [1] * 3 + [2] * 3
    assert [row["task"] for rows in rounds for row in rows.rounds] == [0] * 3 + [1] * 3 + [0] * 3
    assert protocol_of(simulation).key == sum(len(e.tasks) for e in simulation.gating.experts) - 1


def test_told_alarms_found_an_expert_a_task_and_find_it_again(play: Play, tiny: MakeConfig) -> None:
    simulation, rounds = play(hidden(tiny, "told", (0, 1, 0)))
    assert events(rounds) == [
        (0, "new", 0, [0, 1]),
        (12, "alarm", 0, [2, 3]),
        (12, "new", 1, [2, 3]),
        (24, "alarm", 1, [0, 1]),
        (24, "again", 0, []),
    ]
    assert [expert.tasks for expert in simulation.gating.experts] == [[0, 2], [1]]


def test_a_return_without_an_alarm_trains_nobody(play: Play, tiny: MakeConfig) -> None:
    """Its old expert stays protected, and the present one has no sample of it."""
    config = hidden(tiny, "labels", (0, 1, 0))
    simulation = Simulation(config)
    while simulation.round < 6:
        simulation.step()
    weight = simulation.network.state.weight.detach().clone()
    rows = []
    while not simulation.finished:
        simulation.step()
        rows.append(simulation.rows.rounds[0])
    assert torch.equal(simulation.network.state.weight.detach(), weight)
    assert all(row["loss"] != row["loss"] and row["operations"] == 0 and row["born"] == 0 for row in rows)
    assert protocol_of(simulation).present == 1


def test_labels_that_no_alarm_announces_are_taken_on_after_a_while(play: Play, tiny: MakeConfig) -> None:
    config = hidden(tiny, "schedule", training={"rounds": 4, "steps": 4})
    config = tiny_with(config, every=1000)
    simulation, rounds = play(config)
    assert events(rounds) == [(0, "new", 0, [0, 1]), (16 + SOON["hold"], "extended", 0, [2, 3])]
    (expert,) = simulation.gating.experts
    assert expert.classes == (0, 1, 2, 3)
    assert {simulation.fabric.tile_of_slot(slot) for slot in expert.outputs} == {expert.output_tile}
    after = [row for rows in rounds[-1:] for row in rows.evaluations if row["setting"] == "task" and row["on"] == 1]
    assert all(row["accuracy"] > 0.6 for row in after)  # the new outputs have learned


def tiny_with(config: Config, **detect: Any) -> Config:
    return replace(config, gating=replace(config.gating, detect=replace(config.gating.detect, **detect)))


def test_new_outputs_leave_the_others_bit_for_bit(tiny: MakeConfig) -> None:
    simulation = Simulation(hidden(tiny, "labels"))
    simulation.step()
    (expert,), network = simulation.gating.experts, simulation.network
    x = simulation.batches_of(simulation.experience).evaluation(1)[0]

    def answer() -> Tensor:
        running = simulation.gating.running(expert)
        return network.read(network.run(x, torch.tensor(expert.outputs), running)).detach()

    before, slots = answer(), expert.outputs
    assert extend_expert(simulation.grower, expert, 1, (3,))
    after = answer()
    assert expert.outputs[:2] == slots
    assert torch.equal(after[:, :2], before)
    assert not after[:, 2].any()
    slot = expert.outputs[2]
    tile, column = divmod(slot, simulation.fabric.slots)
    assert network.state.mask[tile, :, column].any()  # it can learn


def test_a_full_output_tile_founds_an_expert_instead(tiny: MakeConfig) -> None:
    simulation = Simulation(hidden(tiny, "labels"))
    simulation.step()
    (expert,) = simulation.gating.experts
    assert not extend_expert(simulation.grower, expert, 1, tuple(range(2, 30)))
    assert expert.classes == (0, 1)
    assert simulation.gating.gate.assignment.experts == (0,)


def test_other_experts_are_protected(tiny: MakeConfig) -> None:
    simulation = Simulation(hidden(tiny, "labels"))
    while simulation.round < 3:
        simulation.step()
    weight, mask = simulation.network.state.weight.detach().clone(), simulation.network.state.mask.clone()
    while not simulation.finished:
        simulation.step()
    now = simulation.network.state.weight.detach()
    assert len(simulation.gating.experts) == 2
    assert torch.equal(now[mask], weight[mask])
    assert (now != weight).any()


@pytest.mark.parametrize("drift", [0.0, 0.4])
def test_the_gate_sees_every_sample_once(tiny: MakeConfig, drift: float, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation(hidden(tiny, "labels", (0, 1, 0), drift))
    seen: list[int] = []
    observe = simulation.gating.gate.observe

    def watched(counts: Tensor, labels: Tensor, task: int) -> None:
        seen.extend(labels.tolist())
        observe(counts, labels, task)

    monkeypatch.setattr(simulation.gating.gate, "observe", watched)
    while not simulation.finished:
        simulation.step()
    everyone = [c for e in simulation.stream.experiences[:2] for c in e.train.y.tolist()]
    assert sorted(seen) == sorted(everyone)


def test_labels_of_nobody_wait_and_are_not_trained_on(tiny: MakeConfig) -> None:
    simulation = Simulation(tiny_with(hidden(tiny, "labels"), gather=1000, hold=1000))
    simulation.step()
    assert not simulation.gating.experts
    assert len(protocol_of(simulation).waiting) == 4 * 16
    assert simulation.rows.rounds[0]["neurons"] == 0


def test_one_expert_serves_domains_and_begins_anew_at_an_alarm(play: Play, tiny: MakeConfig) -> None:
    config = hidden(tiny, "told", stream={"setting": "joint", "order": (0, 0)})
    simulation, rounds = play(config)
    (expert,) = simulation.gating.experts
    found = events(rounds)
    assert found[0] == (0, "new", 0, [0, 1, 2, 3])
    assert [(event, number) for _, event, number, _ in found[1:]] == [("alarm", 0), ("again", 0)]
    assert expert.tasks == [0, 1]


def test_told_tasks_that_return_find_their_expert_and_go_on_with_their_data(play: Play, tiny: MakeConfig) -> None:
    simulation, rounds = play(tiny(stream={"order": (0, 1, 0)}))
    assert isinstance(simulation.protocol, TaskAware)
    assert [expert.tasks for expert in simulation.gating.experts] == [[0, 2], [1]]
    assert [len(simulation.gating.losses[key]) for key in (0, 1, 2)] == [3, 3, 3]
    asked = [{(row["after"], row["on"]) for row in rows.evaluations} for rows in rounds]
    assert asked[-1] == {(2, 0), (2, 1)}
    assert not any(rows.detections for rows in rounds)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gating": {"network": "label"}}, r"gating\.network = 'label' is told the task"),
        ({"growth": {"birth_record": "somewhere"}}, r"growth\.birth_record = 'somewhere' follows births task by task"),
        ({"stream": {"order": (0, 2)}}, r"stream\.order = \[0, 2\] names task 2, but there are 2, from 0 on"),
    ],
)
def test_what_cannot_be_hidden_is_refused(tiny: MakeConfig, changes: dict[str, Any], message: str) -> None:
    changes = {**changes, "stream": {"boundaries": "hidden", **changes.get("stream", {})}}
    with pytest.raises(ValueError, match=message):
        Simulation(tiny(**changes))
