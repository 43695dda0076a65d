"""A run that begins with a foreign net: on the chip it does what it did, and then it learns and grows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from smalti.analysis.restored import restored
from smalti.analysis.runs import load_run
from smalti.model.mapping.net import Net
from smalti.model.mapping.routing import mapped
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.mapped import RULE, fitting, ground, planted, written
from smalti.scheduler.runner import resume
from smalti.scheduler.simulation import Simulation

MakeConfig = Callable[..., Config]
OUTPUTS = np.arange(8, 12)


def foreign(channels: int = 8, hard: bool = True) -> Net:
    """Twelve neurons, of which the last four integrate; each hears channels of one north tile."""
    chance = np.random.default_rng(1)
    inputs, heard = np.zeros((12, channels), np.float32), np.zeros((12, 12), np.float32)
    for neuron in range(8):
        inputs[neuron, neuron % 2 :: 2] = 0.6
        heard[neuron, chance.choice(8, 2, replace=False)] = 0.5
    heard[8:, :8] = chance.normal(size=(4, 8))
    one = np.ones(12, np.float32)
    return Net(inputs, heard, np.linspace(0.8, 0.9, 12).astype(np.float32), one, np.arange(12) < 8, hard)


def alike(net: Net) -> Net:
    net.leak[8:] = 0.95
    return net


@pytest.fixture
def begun(tiny: MakeConfig) -> tuple[Simulation, Net, np.ndarray]:
    net = alike(foreign())
    config = tiny(fabric={"corner_wires": 8}, training={"rounds": 2, "steps": 3}, growth={"every": 1, "until": 1.0})
    simulation = Simulation(fitting(config, net, OUTPUTS, "membrane_mean"))
    found = mapped(net, simulation.fabric, OUTPUTS, simulation.fabric.south_tiles[0])
    assert not found.missing
    planted(simulation, net, OUTPUTS, found)
    return simulation, net, found.slots


def test_a_net_of_outputs_alone_keeps_the_time_constant_of_neurons_to_come(tiny: MakeConfig) -> None:
    net, config = alike(foreign()), tiny()
    ends = Net(net.fan_in[8:], net.recurrent[8:, 8:], net.leak[8:], net.threshold[8:], net.fires[8:], net.hard)
    network = fitting(config, ends, np.arange(4), "membrane_mean").network
    assert network.tau_ms == config.network.tau_ms
    assert network.output_tau_ms == pytest.approx(-1 / np.log(0.95), rel=1e-6)


def test_it_spikes_as_it_did(begun: tuple[Simulation, Net, np.ndarray]) -> None:
    simulation, net, slots = begun
    x = (torch.rand(20, 12, 8, generator=torch.Generator().manual_seed(0)) < 0.5).to(torch.uint8)
    spikes, membranes = net.run(x.numpy())
    activity = simulation.network.run(x, torch.from_numpy(slots[OUTPUTS]))
    assert spikes.sum() > 100
    assert (activity.counts.detach().numpy()[slots] == spikes.sum(1).T).all()
    assert np.allclose(activity.membrane.detach().permute(2, 0, 1), membranes[:, :, 8:], atol=1e-4)


def test_it_is_written_resumed_and_grows(
    begun: tuple[Simulation, Net, np.ndarray], tmp_path: Path, check: Callable[[Simulation], None]
) -> None:
    simulation, net, _ = begun
    folder = written(simulation, tmp_path / "run")
    again = restored(load_run(folder.path))
    assert again.round == 0
    kept = again.network.state.state_dict()
    for name, tensor in simulation.network.state.state_dict().items():
        assert torch.equal(tensor.detach(), kept[name].detach())
    resume(folder.path, check)
    run = load_run(folder.path)
    assert len(run.table("rounds")) == 4
    neurons = run.table("neurons")
    assert (neurons["rule"] == RULE).sum() == net.neurons
    assert set(neurons.loc[neurons["rule"] == RULE, "birth_round"]) == {-1}
    assert run.table("rounds")["neurons"].iloc[-1] > 8
    moved = restored(run).network.state.weight.detach()[again.network.state.mask]
    assert not torch.equal(moved, again.network.state.weight.detach()[again.network.state.mask])


FAULTS = {"row_share": 0.1, "slot_share": 0.1, "wire_share": 0.1, "map_seed": 1}


@pytest.mark.parametrize(("known", "at_round"), [(True, 0), (False, 0), (True, 2)])
def test_a_net_on_a_chip_with_faults(tiny: MakeConfig, tmp_path: Path, known: bool, at_round: int) -> None:
    """What is known is kept clear of; what nobody knows acts; what comes later does so in a run that was resumed."""
    net, play = alike(foreign()), {"rounds": 2, "steps": 1}
    config = tiny(fabric={"corner_wires": 8}, training=play, faults={**FAULTS, "known": known, "at_round": at_round})
    simulation = Simulation(fitting(config, net, OUTPUTS, "membrane_mean"))
    home, site = ground(simulation, len(OUTPUTS))
    found = mapped(net, simulation.fabric, OUTPUTS, home, site)
    planted(simulation, net, OUTPUTS, found)
    links, faults = simulation.network.links, simulation.faults
    assert faults is not None
    hidden = found.slots[:8]
    if known and not at_round:
        assert links.silent() == []
        assert not faults.unusable(simulation.fabric)[found.slots].any()
        end = (home + 1) * simulation.fabric.slots
        assert faults.unusable(simulation.fabric)[end - 4 : end].any()  # where outputs stand on a whole chip
    else:
        assert not found.missing
        assert bool(links.silent()) == (at_round == 0)
    assert {(slot, slot // simulation.fabric.slots) for slot in hidden.tolist()} <= links.rows.keys()
    folder = written(simulation, tmp_path / "run")
    again = restored(load_run(folder.path))
    assert again.network.links.state_dict() == links.state_dict()
    resume(folder.path, lambda simulation: None)


def test_outputs_that_no_tile_holds_are_refused(tiny: MakeConfig) -> None:
    simulation = Simulation(tiny(faults={"slot_share": 0.5, "map_seed": 3}))
    with pytest.raises(ValueError, match="9 output units do not fit a south tile of this chip, of which none"):
        ground(simulation, 9)


def test_data_of_another_shape_are_refused(tiny: MakeConfig) -> None:
    for net, outputs, words in (
        (alike(foreign(channels=6)), OUTPUTS, "has 6 input channels and the stream arrays gives 8"),
        (alike(foreign()), OUTPUTS[1:], "has 3 output units and the stream arrays wants 4"),
    ):
        simulation = Simulation(fitting(tiny(), net, outputs, "membrane_mean"))
        found = mapped(net, simulation.fabric, outputs, 2)
        with pytest.raises(ValueError, match=words):
            planted(simulation, net, outputs, found)
        assert not simulation.gating.experts


def test_output_units_must_be_alike(tiny: MakeConfig) -> None:
    with pytest.raises(ValueError, match="several time constants"):
        fitting(tiny(), foreign(), OUTPUTS, "membrane_mean")
    with pytest.raises(ValueError, match="the output units of the net fire, and membrane_mean reads units that do not"):
        fitting(tiny(), alike(foreign()), np.array([7]), "membrane_mean")
