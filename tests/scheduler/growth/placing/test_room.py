from __future__ import annotations

from collections.abc import Callable

import pytest

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.links import Links
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth.placing.room import Need, Room, advice, empty, label_sets, place_seeds
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams import StreamOptions, load_stream

MakeConfig = Callable[..., Config]


def placed(options: FabricOptions, tasks: int) -> tuple[int, str]:
    """How many seed experts of two classes find a place on an empty chip, and what keeps the next one out."""
    fabric = Fabric(options)
    links = Links(fabric, len(fabric.north_tiles) * fabric.wires)
    found = place_seeds(links, empty(fabric), 0, [2] * tasks, [1] * tasks)
    return sum(not one.obstacle for one in found), found[-1].obstacle


def test_seeds_of_thirteen_tasks_fit_the_default_chip_and_those_of_thirty_do_not() -> None:
    assert placed(FabricOptions(), 13) == (13, "")
    number, obstacle = placed(FabricOptions(), 30)
    assert 13 < number < 30
    assert "is full" in obstacle


def test_what_a_seed_takes_is_counted_by_stage() -> None:
    fabric = Fabric(FabricOptions())
    (seed,) = place_seeds(Links(fabric, 64), empty(fabric), 0, [3], [2])
    assert seed.needs[0].slots.total() == 3  # its outputs
    assert sum(sum(need.slots.values()) for need in seed.needs[1:]) % 2 == 0
    room = Room(seed.needs)
    whole, rest = room.after(0), room.after(1)
    assert whole.slots - rest.slots == seed.needs[0].slots
    assert room.after(len(seed.needs)) == Need()


def test_seeds_that_stand_everywhere_need_room_in_every_tile() -> None:
    fabric = Fabric(FabricOptions())
    seeds = [place_seeds(Links(fabric, 64), empty(fabric), 0, [3], [2], everywhere)[0] for everywhere in (False, True)]
    tiles = [{tile for need in seed.needs[1:] for tile in need.slots} for seed in seeds]
    assert tiles[0] < tiles[1] == set(fabric.live_tiles)
    with_dead = Fabric(FabricOptions(dead_tiles=((1, 1),)))
    (seed,) = place_seeds(Links(with_dead, 64), empty(with_dead), 0, [3], [2], True)
    assert {tile for need in seed.needs[1:] for tile in need.slots} == set(with_dead.live_tiles)


def test_a_trial_changes_nothing_on_the_chip() -> None:
    fabric = Fabric(FabricOptions())
    links, free = Links(fabric, 64), empty(fabric)
    before = links.ledger.used.copy(), dict(links.rows), links.source.copy(), {t: list(s) for t, s in free.items()}
    place_seeds(links, free, 0, [2] * 5, [1] * 5)
    assert (before[0] == links.ledger.used).all()
    assert (before[1], before[3]) == (links.rows, free)
    assert (before[2] == links.source).all()


@pytest.mark.parametrize(
    ("options", "tasks"),
    [
        (FabricOptions(corner_wires=1, wires=6), 13),
        (FabricOptions(cols=1, neurons_per_tile=3), 2),
        (FabricOptions(), 30),
    ],
)
def test_the_advice_helps_where_it_is_followed(options: FabricOptions, tasks: int) -> None:
    words = advice(options, [2] * tasks, [1] * tasks)
    first = words.split(" with ")[1].split(" (tried)")[0].split(", or")[0]
    settings = dict(one.removeprefix("fabric.").split(" = ") for one in first.split(" and "))
    larger = FabricOptions(
        **{
            **{name: getattr(options, name) for name in ("rows", "cols", "neurons_per_tile", "wires", "corner_wires")},
            **{name: int(value) for name, value in settings.items()},
        }
    )
    assert placed(options, tasks)[0] < tasks
    assert placed(larger, tasks) == (tasks, "")


def test_where_the_seeds_fit_growth_is_to_blame() -> None:
    assert "lower growth.max_neurons" in advice(FabricOptions(), [2] * 5, [1] * 5)


def test_experts_to_come_are_counted_as_they_are_shared() -> None:
    stream = load_stream(StreamOptions(limit=20, order=(0, 1, 0, 2)), 64)
    assert label_sets(stream, 0, shared=False) == [(0, 1), (2, 3), (4, 5)]
    assert label_sets(stream, 2, shared=False) == [(0, 1), (4, 5)]
    assert label_sets(stream, 0, shared=True) == [tuple(range(10))]


def test_growth_leaves_room_for_the_seeds_of_all_tasks_to_come(tiny: MakeConfig) -> None:
    """A chip on which greedy growth of the first task would take what the second one needs."""
    greedy = {"when": "schedule", "every": 1, "births": 6, "until": 1.0, "reserve": 0, "max_neurons": 0}
    config = tiny(
        fabric={"neurons_per_tile": 5, "cols": 1, "rows": 3, "wires": 8},
        stream={"steps": 13},
        growth={**greedy, "retire_after": 0},
        training={"rounds": 4, "steps": 2},
        auction={"slot_price": 0.0, "row_price": 0.0, "wire_price": 0.0},
    )
    simulation = Simulation(config)
    for _ in range(4):
        simulation.step()
    kept = simulation.grower.kept
    assert kept.slots.total() > 0
    assert kept.wires.total() > 0
    free = simulation.network.free_slots()
    assert all(len(free[tile]) >= count for tile, count in kept.slots.items())
    while not simulation.finished:
        simulation.step()
    assert len(simulation.gating.experts) == 2
    assert simulation.grower.kept == Need()
