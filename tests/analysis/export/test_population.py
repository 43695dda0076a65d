"""The net off its chip does what the engines do on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from smalti.analysis.export.population import population_of, samples_of, spikes_on_chip, who_runs
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.simulation import Simulation


@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("expert", [None, 0, 1])
def test_the_net_without_a_chip_spikes_as_on_it(
    simulations: dict[str, Simulation], reset: str, expert: int | None
) -> None:
    simulation = simulations[reset]
    population, x = population_of(simulation, expert), samples_of(simulation, 40, expert)
    spikes, membranes = population.net.run(x.numpy())
    there = spikes_on_chip(simulation, population, x)
    assert there.sum() > 50
    assert (spikes == there).all()
    outputs = torch.from_numpy(population.slots[population.outputs])
    activity = simulation.network.run(x, outputs, who_runs(simulation, expert))
    assert np.allclose(membranes[:, :, population.outputs], activity.membrane.detach().permute(2, 0, 1), atol=1e-5)
    assert (activity.counts.detach().numpy()[population.slots] == there.sum(1).T).all()


def test_the_net_of_devices_with_errors_and_of_unknown_faults_spikes_as_they_do(tiny: Callable[..., Config]) -> None:
    faults = {"row_share": 0.1, "slot_share": 0.1, "known": False}
    simulation = Simulation(tiny(devices={"kind": "mosaic", "mosaic_noise": 0.2}, faults=faults))
    simulation.step()
    population, x = population_of(simulation), samples_of(simulation, 40)
    there = spikes_on_chip(simulation, population, x)
    assert there.sum() > 50
    assert (population.net.run(x.numpy())[0] == there).all()


def test_every_device_of_the_net_is_a_synapse(simulations: dict[str, Simulation]) -> None:
    state = simulations["soft"].network.state
    population = population_of(simulations["soft"])
    assert population.net.synapses == int(((state.weight != 0) & state.mask).sum())
    assert population.slots.tolist() == torch.nonzero(state.alive).flatten().tolist()
    assert not population.net.fires[population.outputs].any()
    assert sorted(population.classes.tolist()) == [0, 1, 2, 3]


def test_an_expert_brings_its_own_neurons_and_classes(simulations: dict[str, Simulation]) -> None:
    simulation = simulations["soft"]
    expert = simulation.gating.experts[1]
    population = population_of(simulation, 1)
    assert set(expert.members().tolist()) <= set(population.slots.tolist())
    assert population.slots[population.outputs].tolist() == list(expert.outputs)
    assert population.classes.tolist() == list(expert.classes)


def test_an_expert_that_is_not_there_is_refused(simulations: dict[str, Simulation]) -> None:
    with pytest.raises(ValueError, match="expert = 7 is none of this run, which has 0 to 1"):
        population_of(simulations["soft"], 7)
