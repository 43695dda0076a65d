from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from smalti.agents.expert import Expert
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.randomness import Use, generator
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import TaskBatches

MakeConfig = Callable[..., Config]
Opened = Callable[[Simulation, int], Expert]
LARGE = {"rows": 3, "cols": 4, "neurons_per_tile": 16, "wires": 16, "corner_wires": 4}


def chance(simulation: Simulation, round_number: int) -> Callable[[int, int], object]:
    return partial(generator, simulation.config.run.seed, Use.GROWTH, round_number, 0)


def batches_of(simulation: Simulation, task: int) -> TaskBatches:
    return TaskBatches(simulation.stream.experiences[task], simulation.stream.steps, 16, simulation.config.run.seed)


def test_growth_keeps_the_reserve_and_the_number_of_births(tiny: MakeConfig, opened: Opened) -> None:
    simulation = Simulation(tiny(fabric={"neurons_per_tile": 6}, growth={"reserve": 3, "max_neurons": 0}))
    expert = opened(simulation, 0)
    x, labels = batches_of(simulation, 0).probe(32, 9)
    before = {tile.tile: len(tile.free_slots) for tile in simulation.grower.tiles()}
    for number in range(4):
        simulation.grower.outcomes, simulation.grower.born = [], []
        simulation.grower.grow(expert, 0, 3, x, labels, chance(simulation, number), reserve=3)
        assert len(simulation.grower.born) == sum(o.won for o in simulation.grower.outcomes) <= 3
    after = {tile.tile: len(tile.free_slots) for tile in simulation.grower.tiles()}
    assert all(after[tile] >= min(3, before[tile]) for tile in after)
    assert after != before


def test_on_a_large_chip_only_preselected_tiles_are_asked(tiny: MakeConfig, opened: Opened) -> None:
    """What they bid is what they bid when all are asked."""
    bids: list[dict[int, float]] = []
    for most in (32, 2):
        simulation = Simulation(tiny(fabric=LARGE, stream={"steps": 13}, growth={"preselection": most}))
        expert = opened(simulation, 0)
        x, labels = batches_of(simulation, 0).probe(32, 9)
        simulation.grower.outcomes = []
        simulation.grower.grow(expert, 0, 1, x, labels, chance(simulation, 0), reserve=0)
        best: dict[int, float] = {}
        for outcome in simulation.grower.outcomes:
            best[outcome.bid.tile] = max(best.get(outcome.bid.tile, 0.0), outcome.bid.value)
        bids.append(best)
    everyone, few = bids
    assert len(everyone) > 2
    assert len(few) == 2
    for tile, value in few.items():
        assert value == pytest.approx(everyone[tile], rel=1e-4)


@pytest.mark.parametrize("where", ["nearest", "uniform"])
def test_on_a_large_chip_the_placement_preselects(tiny: MakeConfig, opened: Opened, where: str) -> None:
    growth = {"preselection": 3, "where": where, "max_neurons": 0}
    simulation = Simulation(tiny(fabric=LARGE, stream={"steps": 13}, growth=growth))
    expert = opened(simulation, 0)
    x, labels = batches_of(simulation, 0).probe(32, 9)
    asked: list[set[int]] = []
    for number in range(6):
        simulation.grower.outcomes, simulation.grower.born = [], []
        simulation.grower.grow(expert, 0, 5, x, labels, chance(simulation, number), reserve=0)
        assert 0 < len(simulation.grower.born) <= 5
        asked.append({outcome.bid.tile for outcome in simulation.grower.outcomes})
    assert all(len(tiles) <= 3 for tiles in asked)
    if where == "uniform":
        assert len(set().union(*asked)) > 6
    else:  # the outputs are in tile 8, beside tiles 4 and 9
        assert all(tiles <= {8, 4, 9} for tiles in asked[:2])


def test_shuffled_values_are_a_control_of_the_auction(tiny: MakeConfig, opened: Opened) -> None:
    """The same candidates bid the same values, and others win."""
    found: list[tuple[list[float], list[float]]] = []
    for values in ("own", "shuffled"):
        simulation = Simulation(tiny(growth={"max_neurons": 0}, auction={"values": values}))
        expert = opened(simulation, 0)
        x, labels = batches_of(simulation, 0).probe(32, 9)
        simulation.grower.outcomes = []
        simulation.grower.grow(expert, 0, 1, x, labels, chance(simulation, 0), reserve=0)
        outcomes = simulation.grower.outcomes
        found.append(([o.bid.value for o in outcomes], [float(o.bid.candidate) for o in outcomes if o.won]))
    (own, winner), (shuffled, other) = found
    assert sorted(own) == sorted(shuffled)
    assert own != shuffled
    assert len(winner) == len(other) == 1
    assert winner != other
