from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from smalti.agents.auction.bids import SEED
from smalti.agents.expert import Expert
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.growth.reuse import ReuseOptions
from smalti.scheduler.answers.judge import positions
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth.placing.seed_shape import footprint, seed_links
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import TEST, TaskBatches

MakeConfig = Callable[..., Config]
Opened = Callable[[Simulation, int], Expert]

CHIPS = {
    "2 x 2": {},
    "one tile": {"rows": 1, "cols": 1, "neurons_per_tile": 16},
    "one row": {"rows": 1, "cols": 3},
    "one column": {"rows": 4, "cols": 1},
    "3 x 4": {"rows": 3, "cols": 4, "neurons_per_tile": 16, "wires": 16, "corner_wires": 4},
    "dead neighbour": {"rows": 3, "cols": 3, "dead_tiles": ((1, 0),)},
    "dead tiles in the way": {"rows": 3, "cols": 3, "dead_tiles": ((1, 0), (1, 1))},
    "dead output tile": {"rows": 3, "cols": 3, "dead_tiles": ((2, 0),)},
    "dead north tile": {"rows": 3, "cols": 3, "dead_tiles": ((0, 1),)},
    "dead routers": {"rows": 3, "cols": 3, "dead_routers": ((4, 1), (2, 3), (0, 0))},
    "input cut off": {"rows": 2, "cols": 3, "dead_routers": ((0, 1),)},
    "dead tile and router": {"rows": 3, "cols": 3, "dead_tiles": ((1, 1),), "dead_routers": ((4, 1),)},
}


def steps_for(chip: dict[str, object]) -> dict[str, object]:
    return {"steps": max(12, int(str(chip.get("rows", 2))) + 10)}


def batches_of(simulation: Simulation, task: int) -> TaskBatches:
    return TaskBatches(simulation.stream.experiences[task], simulation.stream.steps, 16, simulation.config.run.seed)


def logits_of(simulation: Simulation, expert: Expert, task: int) -> Tensor:
    network = simulation.network
    x, _ = batches_of(simulation, task).evaluation(TEST)
    activity = network.run(x, torch.tensor(expert.outputs), simulation.gating.running(expert))
    return network.read(activity).detach()


def reached_from_inputs(simulation: Simulation) -> set[int]:
    """Neurons to which devices in use lead from the inputs, one device at a time."""
    state, fabric = simulation.network.state, simulation.fabric
    reached = set(range(fabric.neurons, fabric.neurons + simulation.network.channels))
    while True:
        devices = torch.nonzero(state.mask).tolist()
        more = {t * fabric.slots + k for t, r, k in devices if int(state.source[t, r]) in reached} - reached
        if not more:
            return reached
        assert all(state.alive[slot] for slot in more)
        reached |= more


@pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)
def test_an_opened_expert_hears_the_inputs_and_says_nothing_yet(
    tiny: MakeConfig, opened: Opened, chip: dict[str, object]
) -> None:
    simulation = Simulation(tiny(fabric=chip, stream=steps_for(chip)))
    for task in (0, 1):
        expert = opened(simulation, task)
        assert reached_from_inputs(simulation) >= set(expert.outputs)
        assert expert.neurons
        assert logits_of(simulation, expert, task).abs().max() == 0
    assert {rule for _, rule, _ in simulation.grower.born} == {SEED}
    first, second = (set(expert.members().tolist()) for expert in simulation.gating.experts)
    assert not first & second


@pytest.mark.parametrize("trunk", [False, True])
@pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)
def test_over_frozen_neurons_a_second_task_learns_grows_and_leaves_the_first_as_it_was(
    tiny: MakeConfig, chip: dict[str, object], trunk: bool
) -> None:
    config = tiny(
        fabric={"neurons_per_tile": 12, **chip},
        stream=steps_for(chip),
        training={"rounds": 4, "steps": 8},
        growth={"until": 0.8, "reserve": 4, "retire_after": 0},
        gating={"trunk": trunk},
    )
    simulation = Simulation(config)
    for _ in range(4):
        simulation.step()
    first = simulation.gating.experts[0]
    before, devices = logits_of(simulation, first, 0), simulation.network.state.mask.clone()
    assert before.abs().max() > 0
    weights = simulation.network.state.weight.detach()[devices].clone()
    losses, births = [], []
    for _ in range(4):
        simulation.step()
        assert torch.equal(logits_of(simulation, first, 0), before)
        losses.append(simulation.rows.rounds[0]["loss"])
        births.append(sum(rule != SEED for _, rule, _ in simulation.grower.born))
    assert torch.equal(simulation.network.state.weight.detach()[devices], weights)
    second = simulation.gating.experts[1]
    assert losses[-1] < 0.8 * losses[0]
    assert sum(births) > 0
    assert logits_of(simulation, second, 1).abs().max() > 0
    grown = {slot for slot, number in simulation.registry.id_of_slot.items() if grew(simulation, number, task=1)}
    assert grown
    assert grown <= set(second.neurons) & reached_from_inputs(simulation)


def grew(simulation: Simulation, number: int, task: int) -> bool:
    row = simulation.registry.neurons[number]
    return row["task"] == task and row["rule"] != SEED


def gradient_of(simulation: Simulation, expert: Expert, task: int) -> Tensor:
    """Gradient of the loss on the devices that learn [K, R, n]."""
    network = simulation.network
    x, wanted = batches_of(simulation, task).training(0)
    activity = network.run(x, torch.tensor(expert.outputs), simulation.gating.running(expert))
    loss = cross_entropy(network.read(activity), positions(expert.classes, wanted.labels))
    (gradient,) = torch.autograd.grad(loss, network.state.weight)
    return gradient * (network.state.mask & ~network.state.frozen)


@pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)
def test_a_seed_over_frozen_neurons_gives_its_outputs_a_gradient(
    tiny: MakeConfig, opened: Opened, chip: dict[str, object]
) -> None:
    config = tiny(fabric={"neurons_per_tile": 12, **chip}, stream=steps_for(chip), training={"rounds": 1})
    simulation = Simulation(config)
    simulation.step()
    state = simulation.network.state
    state.frozen.copy_(state.mask)
    expert = opened(simulation, 1)
    slots = simulation.fabric.slots
    columns = torch.tensor(expert.outputs) % slots
    gradient = gradient_of(simulation, expert, 1)
    assert (gradient[expert.output_tile][:, columns].abs().amax(0) > 0).all()


def test_seeds_fill_every_tile_on_their_way(tiny: MakeConfig, opened: Opened) -> None:
    simulation = Simulation(tiny(fabric=CHIPS["3 x 4"], stream={"steps": 13}, growth={"seed_width": 2}))
    expert = opened(simulation, 0)
    tiles = [simulation.fabric.tile_of_slot(slot) for slot in expert.neurons]
    assert sorted(tiles) == sorted(2 * footprint(simulation.fabric, expert.output_tile))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"fabric": {"rows": 3, "corner_wires": 0, "dead_tiles": ((1, 0), (1, 1))}, "stream": {"steps": 13}},
            r"room for 0 of 2 experts \(R0 .* is full\): .*room for all 2 experts with fabric\.corner_wires = 1,",
        ),
        (
            {"fabric": {"rows": 2, "dead_tiles": ((0, 0),), "dead_routers": ((1, 2), (2, 3), (2, 2), (2, 4))}},
            r"every path to tile .* crosses a dead routing tile\): there is room .* with fabric\.cols = 3 \(tried\)",
        ),
        ({"auction": {"slot_price": 9.0}}, "the price of a seed is above its value: lower the prices"),
        ({"stream": {"gain": 1e-6}}, r"too few spikes come through: .* stream\.gain"),
    ],
)
def test_a_chip_without_room_or_ways_is_refused_with_the_cure(
    tiny: MakeConfig, changes: dict[str, dict[str, object]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):  # noqa: PT012 (some have room, and are refused by the first step)
        simulation = Simulation(tiny(**{"training": {"rounds": 1, "steps": 1}, **changes}))
        simulation.step()


class TestFootprint:
    """Tiles are numbered row by row, the north row first."""

    def fabric(self, rows: int, cols: int, dead: tuple[tuple[int, int], ...] = ()) -> Fabric:
        return Fabric(FabricOptions(rows=rows, cols=cols, dead_tiles=dead))

    @pytest.mark.parametrize(
        ("output", "expected"),
        [
            (8, [0, 1, 2, 3, 4, 5, 6, 8]),
            (9, [0, 1, 2, 3, 4, 5, 6, 7, 9]),
            (11, [0, 1, 2, 3, 5, 6, 7, 11]),
        ],
    )
    def test_narrows_from_the_whole_north_row_to_the_output_tile(self, output: int, expected: list[int]) -> None:
        assert footprint(self.fabric(3, 4), output) == expected

    def test_narrows_row_by_row_on_a_tall_chip(self) -> None:
        # columns away from the output: 3 in row 0, 3 x 3/4 -> 3, 3 x 2/4 -> 2, 3 x 1/4 -> 1
        assert footprint(self.fabric(5, 4), 16) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 16]

    def test_one_row_is_all_of_it(self) -> None:
        assert footprint(self.fabric(1, 5), 2) == [0, 1, 2, 3, 4]

    def test_2_x_2(self) -> None:
        assert footprint(self.fabric(2, 2), 3) == [0, 1, 3]

    def test_dead_tiles_are_left_out(self) -> None:
        assert footprint(self.fabric(3, 4, ((1, 0), (0, 2))), 8) == [0, 1, 3, 5, 6, 8]


class TestSeedLinks:
    @pytest.mark.parametrize(
        ("tile", "needed", "wished"),
        [
            (0, (4,), (1,)),  # south comes before east
            (1, (5,), (2, 0)),
            (3, (2,), ()),  # the tile south of it serves others
            (4, (8,), (0, 5)),
            (6, (5,), (2,)),
            (8, (), ()),
        ],
    )
    def test_3_x_4_by_hand(self, tile: int, needed: tuple[int, ...], wished: tuple[int, ...]) -> None:
        fabric = Fabric(FabricOptions(rows=3, cols=4))
        assert seed_links(fabric, tile, footprint(fabric, 8), 8) == (needed, wished)

    @pytest.mark.parametrize(
        ("tile", "needed", "wished"), [(0, (1,), ()), (1, (2,), (0,)), (2, (), ()), (3, (2,), (4,)), (4, (3,), ())]
    )
    def test_one_row_by_hand(self, tile: int, needed: tuple[int, ...], wished: tuple[int, ...]) -> None:
        fabric = Fabric(FabricOptions(rows=1, cols=5))
        assert seed_links(fabric, tile, footprint(fabric, 2), 2) == (needed, wished)

    @pytest.mark.parametrize(("tile", "needed", "wished"), [(0, (1,), ()), (1, (3,), (0,)), (3, (), ())])
    def test_2_x_2_by_hand(self, tile: int, needed: tuple[int, ...], wished: tuple[int, ...]) -> None:
        fabric = Fabric(FabricOptions(rows=2, cols=2))
        assert seed_links(fabric, tile, footprint(fabric, 3), 3) == (needed, wished)

    def test_everywhere_links_reach_all_tiles_nearest_first(self) -> None:
        fabric = Fabric(FabricOptions(rows=2, cols=3))
        assert seed_links(fabric, 0, [0, 1, 2, 5], 5, everywhere=True) == ((1,), (2, 5))
        assert seed_links(fabric, 5, [0, 1, 2, 5], 5, everywhere=True) == ((), (2, 1, 0))

    def test_over_a_dead_tile_to_the_nearest_one_ahead(self) -> None:
        fabric = Fabric(FabricOptions(rows=3, cols=4, dead_tiles=((1, 0),)))
        tiles = footprint(fabric, 8)
        assert seed_links(fabric, 0, tiles, 8) == ((8,), (1,))  # tile 4 is dead, tile 5 no nearer than tile 0
        assert seed_links(fabric, 5, tiles, 8) == ((8,), (1, 6))
        assert seed_links(fabric, 1, tiles, 8) == ((5,), (2, 0))


@pytest.mark.parametrize("by", ["none", "readout"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_seeds_have_the_widths_of_their_tasks_in_whatever_order(
    tiny: MakeConfig, order: tuple[int, int], by: str
) -> None:
    growth = {"seed_widths": (1, 3), "when": "never", "reserve": 0, "reuse": ReuseOptions(by=by, grow="always")}  # type: ignore[arg-type]
    fabric, training = {"rows": 1, "cols": 2, "neurons_per_tile": 12, "inputs": "every"}, {"rounds": 1, "steps": 1}
    simulation = Simulation(tiny(fabric=fabric, training=training, growth=growth, stream={"order": order}))
    while not simulation.finished:
        simulation.step()
    assert [len(expert.neurons) for expert in simulation.gating.experts] == [(1, 3)[task] for task in order]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, r"growth\.seed_widths = \[2, 2, 2\] has 3 widths, and tasks are numbered from 0 to 1: give one for each"),
        ({"stream": {"boundaries": "hidden"}}, r"growth\.seed_widths needs to know which task begins"),
    ],
)
def test_widths_that_no_task_has_are_refused(tiny: MakeConfig, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Simulation(tiny(growth={"seed_widths": (2, 2, 2)}, **changes))
