from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import replace

import pytest

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import flatten, from_mapping
from smalti.scheduler.configuration.recipes import SIDES, recipe, settings, text
from smalti.scheduler.growth.placing.seed_shape import footprint
from smalti.scheduler.simulation import Simulation

TASKS = 20


def shrunk(size: str, rounds: int) -> Config:
    """The recipe with few samples and steps; the chip, the tasks and what grows in a round are its own."""
    config = recipe(size)
    training = replace(config.training, rounds=rounds, steps=2, batch=16, warm_up=1)
    growth = replace(config.growth, probe=32)
    return replace(config, stream=replace(config.stream, limit=10), training=training, growth=growth)


@pytest.mark.parametrize("size", ["default", *SIDES])
def test_the_file_is_the_recipe_and_says_why(size: str) -> None:
    written = text(size)
    assert from_mapping(Config, tomllib.loads(written)) == recipe(size)
    head = written.partition("[fabric]")[0]
    assert all(name in head for name, (_, reason) in settings(size).items() if reason)
    usual, own = flatten(Config()), flatten(recipe(size))
    assert {name for name in own if own[name] != usual[name]} == set(settings(size))
    assert all(line.startswith("#") and len(line) <= 120 for line in head.splitlines() if line)


@pytest.mark.parametrize("size", list(SIDES))
def test_a_recipe_opens_its_first_task_and_grows(size: str) -> None:
    """That no warning is given says that there is room for the seeds of all tasks, and that time steps are enough."""
    simulation = Simulation(shrunk(size, rounds=2))
    experiences = simulation.stream.experiences
    assert len({e.name for e in experiences}) == len({e.classes for e in experiences}) == TASKS
    simulation.step()
    expert, side = simulation.gating.experts[0], SIDES[size]
    seed = footprint(simulation.fabric, expert.output_tile)
    born = Counter(outcome.bid.rule for outcome in simulation.grower.outcomes if outcome.won)
    assert born["gradmax_whitened"] == 4 * len(expert.classes)
    assert 0.9 * len(seed) <= born["seed"] <= len(seed)  # fan-ins that cannot fire are not born
    assert len(expert.neurons) == born.total()
    x, _ = simulation.batches_of(simulation.experience).probe(16, 0)
    outputs = simulation.network.state.alive.new_tensor(expert.outputs, dtype=int)
    counts = simulation.network.run(x, outputs, simulation.gating.running(expert)).counts
    last = [s for s in expert.neurons if simulation.fabric.position(simulation.fabric.tile_of_slot(s))[0] == side - 2]
    assert last
    assert all(counts[last].sum(1) > 0)  # spikes come through all rows


@pytest.mark.slow
@pytest.mark.parametrize("size", ["small", "medium"])
def test_all_tasks_of_a_recipe_find_a_place(size: str) -> None:
    simulation = Simulation(shrunk(size, rounds=1))
    for _ in simulation:
        pass
    assert len(simulation.gating.experts) == TASKS
    assert len(simulation.table("evaluations")["on"].unique()) == TASKS
