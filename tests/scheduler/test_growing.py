from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.fabric import Fabric, FabricOptions
from model.ledger import Ledger
from scheduler.config import Config
from scheduler.growing import footprint, seed_links
from scheduler.simulation import Simulation

DEFAULT = Fabric(FabricOptions())


def quick(**sections: dict[str, object]) -> Config:
    config = replace(Config(), run=replace(Config().run, quick=True)).resolved()
    for name, changes in sections.items():
        config = replace(config, **{name: replace(getattr(config, name), **changes)})
    return config


def check_ledger(simulation: Simulation) -> None:
    """Usage recomputed from the links equals the ledger and stays within capacity."""
    links = simulation.network.links
    again = Ledger(simulation.fabric)
    for (source, _), path in links.paths.items():
        again.reserve(source, path.ports)
    assert np.array_equal(again.used, links.ledger.used)
    assert (links.ledger.used <= simulation.fabric.capacity).all()


def test_footprint_is_the_north_row_narrowing_to_the_output_tile() -> None:
    assert footprint(DEFAULT, DEFAULT.tile(2, 0)) == [0, 1, 2, 3, 4, 5, 6, 8]
    assert footprint(DEFAULT, DEFAULT.tile(2, 3)) == [0, 1, 2, 3, 5, 6, 7, 11]
    single = Fabric(FabricOptions(rows=1, cols=3))
    assert footprint(single, 1) == [0, 1, 2]


def test_footprint_leaves_out_dead_tiles() -> None:
    fabric = Fabric(FabricOptions(dead_tiles=((1, 0),)))
    assert footprint(fabric, 8) == [0, 1, 2, 3, 5, 6, 8]


def test_seed_links_lead_towards_the_outputs() -> None:
    tiles = footprint(DEFAULT, 8)
    assert seed_links(DEFAULT, 4, tiles, 8) == ((8,), (0, 5))  # down to the output tile; around it if it fits
    assert seed_links(DEFAULT, 1, tiles, 8) == ((5,), (2, 0))
    assert seed_links(DEFAULT, 8, tiles, 8) == ((), ())


def test_seed_links_go_around_dead_neighbours() -> None:
    fabric = Fabric(FabricOptions(rows=2, cols=2, dead_tiles=((1, 1),)))
    tiles = footprint(fabric, 2)
    assert seed_links(fabric, 1, tiles, 2)[0] == (0,)
    cut = Fabric(FabricOptions(rows=3, cols=1, dead_tiles=((1, 0),)))
    assert seed_links(cut, 0, footprint(cut, 2), 2)[0] == (2,)  # no neighbour is nearer: a longer route


@pytest.mark.parametrize(
    "fabric", [{}, {"dead_tiles": ((1, 1), (2, 0)), "dead_routers": ((2, 3),)}, {"rows": 5, "cols": 4}, {"rows": 1}]
)
def test_a_second_task_learns_over_a_frozen_first_one(fabric: dict[str, object]) -> None:
    config = quick(fabric=fabric, training={"steps": 30, "rounds": 4}, stream={"limit": 60})
    simulation = Simulation(config)
    rounds = config.training.rounds
    for _ in range(rounds):
        simulation.step()
    first = simulation.gating.experts[0]
    x, _ = simulation.feed_of(simulation.stream.experiences[0]).evaluation(2)
    outputs = torch.tensor(first.outputs)
    network = simulation.network
    before = network.run(x, outputs, simulation.gating.running(first)).membrane.detach().clone()
    devices = network.state.mask.clone()
    weights = network.state.weight.detach().clone()

    simulation.step()  # opens the second task
    second = simulation.gating.experts[1]
    assert network.state.frozen[devices].all()
    assert second.neurons
    opened_loss = simulation.rows.rounds[0]["loss"]
    for _ in range(rounds - 1):
        simulation.step()
        check_ledger(simulation)
    assert torch.equal(network.state.weight.detach()[devices], weights[devices])
    after = network.run(x, outputs, simulation.gating.running(first)).membrane.detach()
    assert torch.equal(before, after)  # bit for bit

    row = simulation.rows.rounds[0]
    assert row["loss"] < 0.6 * opened_loss  # type: ignore[operator]
    assert row["accuracy"] > 0.75  # type: ignore[operator]
    grown = [r for r in simulation.census.neurons if r["task"] == 1 and r["rule"] != "seed"]
    assert grown


def test_an_opened_expert_is_silent_at_its_outputs_and_ready_to_learn() -> None:
    simulation = Simulation(quick())
    experience = simulation.experience
    feed = simulation.feed_of(experience)
    expert = simulation._open(experience, feed)
    x, labels = feed.probe(32, 0)
    probe = simulation.grower.probe(expert, x, labels)
    assert torch.allclose(probe.loss, torch.full_like(probe.loss, np.log(2.0)))
    south = [s for s in expert.neurons if simulation.fabric.tile_of_slot(s) == expert.output_tile]
    assert south
    assert float(probe.counts[south].sum()) > 0  # the chain carries spikes down to the output tile
    assert float(probe.delta[:, list(expert.outputs)].abs().sum()) > 0


@pytest.mark.parametrize("rule", ["random", "gradmax_whitened"])
def test_a_graft_keeps_the_function_bit_for_bit(rule: str) -> None:
    simulation = Simulation(quick(growth={"rule": rule, "when": "never"}))
    simulation.step()
    simulation.step()
    expert, feed = simulation.gating.experts[0], simulation.feed_of(simulation.experience)
    x, labels = feed.probe(64, 5)
    before = simulation.grower.probe(expert, x, labels)
    alive = len(expert.neurons)
    simulation.grower.grow(expert, 0, 6, x, labels, lambda stage, tile: np.random.default_rng((stage, tile)), 0)
    assert len(expert.neurons) > alive
    after = simulation.grower.probe(expert, x, labels)
    assert torch.equal(before.loss, after.loss)
    old = expert.neurons[:alive]
    assert torch.equal(before.counts[old], after.counts[old])
    check_ledger(simulation)


def test_a_full_chip_says_so_and_names_the_cure() -> None:
    config = quick(
        fabric={"rows": 2, "cols": 1, "neurons_per_tile": 4, "wires": 64, "corner_wires": 4},
        growth={"seed_width": 2},
        training={"rounds": 1, "steps": 1},
    )
    simulation = Simulation(config)

    def play() -> None:
        while not simulation.finished:
            simulation.step()

    with pytest.raises(ValueError, match="give the chip more"):
        play()
