"""What a neuron has to learn from and is worth, compared with autograd and with a chip on which it says nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import torch

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth import fate
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import VALIDATION

MakeConfig = Callable[..., Config]
GROWS = {"when": "schedule", "every": 1, "until": 1.0, "fates": True}


@pytest.fixture
def grown(tiny: MakeConfig) -> Simulation:
    """In its first task, after two rounds with births."""
    simulation = Simulation(tiny(growth=GROWS, network={"precision": "float64"}))
    for _ in range(2):
        simulation.step()
    return simulation


def measured(simulation: Simulation) -> tuple[dict[int, fate.Row], Any]:
    batches = simulation.batches_of(simulation.stream.experiences[0])
    parts = batches.probe(16, 0), batches.evaluation(VALIDATION)
    return fate.measure(simulation.grower, simulation.gating.experts[0], *parts), parts


def test_gradients_are_those_of_autograd_over_fan_in_and_fan_out(grown: Simulation) -> None:
    found, ((x, wanted), _) = measured(grown)
    network, grower, (expert,) = grown.network, grown.grower, grown.gating.experts
    weight = network.state.weight
    weight.requires_grad_()
    answers = network.read(network.run(x, torch.tensor(expert.outputs), grower.agent.running(expert)))
    (gradient,) = torch.autograd.grad(grower.judge.losses(expert, answers, wanted).mean(), weight)
    weight.requires_grad_(False)
    learns = network.state.mask & ~network.state.frozen
    assert set(found) == set(expert.neurons)
    assert len(found) > 2
    for slot, row in found.items():
        tile, column = divmod(slot, network.fabric.slots)
        own = (gradient * learns)[tile, :, column]
        assert row["gradient_in"] == pytest.approx(float(own.norm()), rel=1e-6, abs=1e-12)
        rows = [(gradient * learns)[to, network.links.rows[slot, to]] for to in network.links.of(slot)]
        assert row["gradient_out"] == pytest.approx(float(torch.cat(rows).norm()), rel=1e-6, abs=1e-12)
    assert any(row["gradient_in"] for row in found.values())


def test_worth_is_the_rise_of_the_loss_where_a_neuron_says_nothing(grown: Simulation) -> None:
    found, (_, (x, wanted)) = measured(grown)
    network, grower, (expert,) = grown.network, grown.grower, grown.gating.experts
    kept = network.state.weight.detach().clone()

    def loss() -> float:
        with torch.no_grad():
            answers = network.read(network.run(x, torch.tensor(expert.outputs), grower.agent.running(expert)))
            return float(grower.judge.losses(expert, answers, wanted).mean())

    usual = loss()
    for slot, row in found.items():
        for tile in network.links.of(slot):
            network.state.weight.data[tile, network.links.rows[slot, tile]] = 0
        assert row["worth"] == pytest.approx(loss() - usual, abs=1e-9)
        assert row["loss"] == pytest.approx(usual)
        network.state.weight.data.copy_(kept)
    assert max(float(str(row["worth"])) for row in found.values()) > 0


def test_a_row_a_neuron_of_the_expert_in_training_and_nothing_else_is_other(tiny: MakeConfig) -> None:
    tables = {}
    for on in (True, False):
        simulation = Simulation(tiny(growth={**GROWS, "fates": on}))
        for _ in simulation:
            pass
        tables[on] = {name: simulation.table(name) for name in ("rounds", "bids", "neurons", "links", "fates")}
    for name in ("bids", "neurons", "links"):
        pd.testing.assert_frame_equal(tables[True][name], tables[False][name])
    same = [name for name in tables[True]["rounds"] if not name.startswith("seconds")]
    pd.testing.assert_frame_equal(tables[True]["rounds"][same], tables[False]["rounds"][same])
    found, neurons = tables[True]["fates"], tables[True]["neurons"].set_index("neuron")
    assert tables[False]["fates"].empty
    assert (neurons.loc[found["neuron"], "kind"] == "hidden").all()
    assert (found["age"].to_numpy() == (found["round"] - found["neuron"].map(neurons["birth_round"])).to_numpy()).all()
    hidden = neurons[neurons["kind"] == "hidden"]
    last = hidden[(hidden["task"] == 1) & hidden["retired_round"].isna()]
    assert set(found[found["round"] == found["round"].max()]["neuron"]) == set(last.index)
    newborn = found[(found["age"] == 0) & found["neuron"].map(neurons["rule"] != "seed")]
    assert len(newborn)
    assert (newborn["gradient_in"] == 0).all()  # its fan-out is 0, so nothing comes back
    assert (newborn["worth"] == 0).all()
