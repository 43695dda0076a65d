from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from smalti.agents.auction.bids import Decision
from smalti.agents.expert import Expert
from smalti.agents.tile import TileAgent
from smalti.model.grafting.graft import Birth, graft
from smalti.model.growth.saturation import Saturation


def no_measure(expert: Expert) -> Saturation:
    raise AssertionError("nothing is to be measured")


def decide(agent: Any, task: int, rounds: int = 10, measure: Any = no_measure) -> Decision:
    decision: Decision = agent.decide(task, rounds, np.random.default_rng(0), measure)
    assert agent.last == decision
    return decision


@pytest.mark.parametrize(
    ("growth", "loss", "done", "births", "reason"),
    [
        ({}, 0.5, 3, 4, "loss 0.500 asks for more neurons"),
        ({"births": 3}, 0.5, 3, 6, "loss 0.500 asks for more neurons"),
        ({"max_neurons": 3}, 0.5, 3, 1, "loss 0.500 asks for more neurons"),
        ({}, 0.5, 5, 4, "loss 0.500 asks for more neurons"),
        ({"when": "never"}, 0.5, 3, 0, "growth.when is never"),
        ({}, 0.5, 6, 0, "past 50% of the experience newborns could not learn enough"),
        ({"when": "schedule", "every": 1}, 0.5, 6, 0, "past 50% of the experience newborns could not learn enough"),
        ({}, 0.1, 3, 0, "loss 0.100 is low enough"),
        ({"max_neurons": 2}, 0.5, 3, 0, "the expert has its 4 neurons"),
        ({"max_neurons": 2, "when": "schedule", "every": 3}, 0.5, 3, 0, "the expert has its 4 neurons"),
        ({"max_neurons": 0, "births": 99}, 0.5, 3, 19, "loss 0.500 asks for more neurons"),
        ({"when": "schedule", "every": 3}, 0.0, 3, 4, "round 3 is a multiple of 3"),
        ({"amount": "geometric"}, 0.5, 3, 1, "loss 0.500 asks for more neurons"),
        ({"amount": "until_price", "max_neurons": 6}, 0.5, 3, 7, "loss 0.500 asks for more neurons"),
        ({"amount": "until_price", "max_neurons": 0}, 0.5, 3, 19, "loss 0.500 asks for more neurons"),
    ],
)
def test_decisions_and_their_reasons(
    chip: Any, growth: dict[str, Any], loss: float, done: int, births: int, reason: str
) -> None:
    """Two classes and five neurons on a chip of 24 slots; max_neurons and births count per class; ten rounds."""
    if growth.get("max_neurons") == 2:
        chip.expert.neurons.pop()
    chip.gating.growth = replace(chip.gating.growth, **growth)
    for _ in range(done):
        chip.gating.watch(0, loss, 0.8, 0.0)
    assert decide(chip.gating, 0) == Decision(births, 0, reason)


def test_it_remembers_when_it_last_asked_for_neurons_of_each_task(chip: Any) -> None:
    """A plateau shows after two rounds and then two rounds after every growth, counted task by task."""
    chip.gating.growth = replace(chip.gating.growth, when="plateau", until=1.0, births=1)
    chip.expert.tasks.append(1)
    grew = []
    for number in range(16):
        task = number // 8
        chip.gating.watch(task, 0.5, 0.8, 0.0)
        if decide(chip.gating, task, rounds=8).births:
            grew.append(number)
    assert grew == [2, 4, 6, 10, 12, 14]
    assert chip.gating.asked == {0: 7, 1: 7}


def test_it_measures_only_for_a_timing_that_asks_and_keeps_what_it_measured(chip: Any) -> None:
    chip.gating.growth = replace(chip.gating.growth, when="noracl", until=0.8)
    given = iter([Saturation(2.0, 9.0), Saturation(4.0, 3.0), Saturation(3.9, 2.0)])
    births = []
    for _ in range(4):
        chip.gating.watch(0, 0.5, 0.8, 0.0)
        births.append(decide(chip.gating, 0, rounds=4, measure=lambda expert: next(given)).births)
    assert births == [0, 0, 4, 0]  # the fourth round is past the last in which neurons may be born
    assert [m.dimension for m in chip.gating.saturation[0]] == [2.0, 4.0, 3.9]


def test_it_follows_a_recorded_run(chip: Any) -> None:
    assert chip.gating.follow(0, 3) == Decision(3, 0, "the recorded run bore 3 neurons here") == chip.gating.last


def test_outputs_take_the_south_tiles_in_turn(chip: Any) -> None:
    second, third = chip.gating.add_expert((2, 3)), chip.gating.add_expert((4,))
    assert [e.number for e in chip.gating.experts] == [0, 1, 2]
    assert [e.output_tile for e in chip.gating.experts] == [2, 3, 2]
    assert chip.expert.outputs == (16, 17)
    assert second.outputs == (22, 23)
    assert third.outputs == (15,)
    assert chip.gating.gate.assignment.experts == (0, 1, 2)


def test_a_full_south_tile_is_passed_over(chip: Any) -> None:
    chip.settle(3, 4)  # one slot left beside the relay
    assert chip.gating.add_expert((2, 3)).output_tile == 2
    assert chip.gating.experts[-1].outputs == (14, 15)


def test_no_room_for_outputs_is_said_and_founds_nothing(chip: Any) -> None:
    chip.settle(2, 3)
    chip.settle(3, 4)
    with pytest.raises(ValueError, match="no south tile has 2 free slots"):
        chip.gating.add_expert((2, 3))
    assert len(chip.gating.experts) == 1
    assert chip.gating.gate.assignment.experts == (0,)
    assert chip.gating.add_expert((2,)).output_tile == 3


def test_a_class_has_one_expert(chip: Any) -> None:
    with pytest.raises(ValueError, match="class"):
        chip.gating.add_expert((1, 2))
    assert len(chip.gating.experts) == 1


def test_label_sets_that_are_shared_share_an_expert(chip: Any) -> None:
    assert chip.gating.find((0, 1)) is chip.expert
    assert chip.gating.find((1, 0)) is chip.expert
    assert chip.gating.find((1,)) is chip.expert
    assert chip.gating.find((2, 3)) is None
    assert chip.gating.find((1, 2)) is None
    assert chip.gating.find(chip.gating.add_expert((2, 3)).classes) is chip.gating.experts[1]


def slots_of(mask: torch.Tensor) -> list[int]:
    return torch.nonzero(mask).flatten().tolist()


@pytest.mark.parametrize("trunk", [False, True])
def test_the_trunk_is_heard_and_runs_when_it_is_wanted(chip_of: Callable[..., Any], trunk: bool) -> None:
    chip = chip_of(trunk=trunk)
    first, neurons = chip.expert, chip.network.fabric.neurons
    second = chip.gating.add_expert((2, 3))
    born = TileAgent(chip.model, 1, chip.network).free_slots[0]
    chip.network.links.add_local(born)
    nobody, heard = torch.empty(0, dtype=torch.int64), torch.tensor([neurons + 1])
    graft(chip.network, Birth(born, False, heard, torch.ones(1), nobody, torch.empty(0)), chip.moments)
    second.neurons.append(born)
    shared = first.neurons if trunk else []
    channels = list(range(neurons, neurons + chip.network.channels))
    assert slots_of(chip.gating.hears(second)) == sorted([*shared, born, *channels])
    running = [born, *second.outputs, *shared, *(first.outputs if trunk else ())]
    assert slots_of(chip.gating.running(second)) == sorted(running)
    assert slots_of(chip.gating.hears(first)) == sorted([*first.neurons, *channels])
    assert slots_of(chip.gating.running(first)) == sorted([*first.neurons, *first.outputs])


def test_who_taps_another_expert_makes_those_run_that_are_upstream(chip_of: Callable[..., Any]) -> None:
    """The second expert's neuron hears all rows of tile 1, where the first has some; the third's that of the second."""
    chip = chip_of(taps=True, slots=8)
    agent, network = chip.gating, chip.network
    first, second = chip.expert, agent.add_expert((2, 3))
    whole = [*first.neurons, *first.outputs]
    assert slots_of(agent.running(second)) == sorted(second.outputs)  # taps nobody yet
    born = chip.bear(1, [], second)
    near = [slot for slot in first.neurons if network.fabric.tile_of_slot(slot) == 1]  # they hear inputs alone
    assert 0 < len(near) < len(first.neurons)
    assert slots_of(agent.running(second)) == sorted([born, *second.outputs, *near])
    assert set(first.neurons) <= set(slots_of(agent.hears(second)))
    assert not set(second.neurons) & set(slots_of(agent.hears(first)))  # earlier ones only
    third = agent.add_expert((4, 5))
    assert slots_of(agent.growing(third)) == sorted([*third.outputs, born, *second.outputs, *whole])
    assert slots_of(agent.running(third)) == sorted(third.outputs)
    row = int((network.state.source[1] == born).nonzero())
    slot = TileAgent(chip.model, 1, network).free_slots[0]
    heard = torch.tensor([born])
    nobody = torch.empty(0, dtype=torch.int64)
    network.links.add_local(slot)
    graft(network, Birth(slot, False, heard, torch.ones(1), nobody, torch.empty(0)), chip.moments)
    third.neurons.append(slot)
    assert network.state.mask[1, row, slot % network.fabric.slots]
    assert slots_of(agent.running(third)) == sorted([slot, *third.outputs, born, *near])
    assert agent.listeners(first) == [second]
    assert agent.listeners(second) == [third]
    assert agent.listeners(third) == []


def test_an_expert_without_neurons_hears_the_inputs(chip: Any) -> None:
    fresh = chip.gating.add_expert((2, 3))
    assert slots_of(chip.gating.hears(fresh)) == [24, 25, 26, 27]
    assert fresh.members().tolist() == list(fresh.outputs)


def test_it_remembers_the_last_round_of_every_task(chip: Any) -> None:
    chip.gating.watch(0, 0.9, 0.5, math.inf)
    chip.gating.watch(0, 0.3, 0.7, 0.1)
    chip.gating.watch(1, 0.6, 0.4, 0.2)
    assert chip.gating.losses == {0: [0.9, 0.3], 1: [0.6]}
    assert chip.gating.loss == {0: 0.3, 1: 0.6}
    assert chip.gating.accuracy == {0: 0.7, 1: 0.4}
    assert chip.gating.novelty == {0: 0.1, 1: 0.2}


def test_it_describes_itself_in_a_line(chip: Any) -> None:
    assert chip.gating.describe() == (
        "gating agent: 1 experts (no task seen); wants 0 births for expert -1: nothing decided yet"
    )
    chip.gating.watch(0, 0.5, 0.75, 0.0)
    decide(chip.gating, 0)
    assert chip.gating.describe() == (
        "gating agent: 1 experts (task 0: loss 0.500, accuracy 0.75); "
        "wants 4 births for expert 0: loss 0.500 asks for more neurons"
    )


def test_names_of_tasks_go_to_who_was_trained_on_them_last(chip: Any) -> None:
    agent, first = chip.gating, chip.gating.experts[0]
    second = agent.add_expert((), 2)
    agent.entitle(second, (1, 7))
    assert (first.classes, second.classes) == ((0,), (1, 7))
    assert agent.find((1,)) is second
    assert agent.gate.assignment.expert_of == {0: 0, 1: second.number, 7: second.number}
    agent.entitle(second, (7,))
    assert second.classes == (1, 7)
