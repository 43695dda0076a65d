"""A network on a chip with faults: what is dead says nothing, by both engines."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.faults import FaultMap
from smalti.model.continual.fisher import diagonal
from smalti.model.growth.saturation import fisher_trace
from smalti.model.growth.surroundings import inputs_of
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.probe import Probe

HERE = FabricOptions(rows=2, cols=2, neurons_per_tile=2, wires=3, corner_wires=1)


def network(engine: str) -> Network:
    """Channels 0 and 1 drive neurons 0, 1 (tile 0) and 2 (tile 1), neuron 0 output 4 in tile 2, neuron 2 output 6."""
    options = NetworkOptions(engine=engine, precision="float64", readout="membrane_mean")  # type: ignore[arg-type]
    chip = Network(Fabric(HERE), 2, options)
    links, state = chip.links, chip.state
    for slot in (0, 1, 2):
        links.add_local(slot)
    links.add(0, 2)
    links.add(2, 3)
    state.alive[[0, 1, 2, 4, 6]] = True
    state.output[[4, 6]] = True
    with torch.no_grad():
        for tile, source, column, weight in (
            *((0, 8, 0, 0.9), (0, 8, 1, 0.8), (1, 9, 0, 1.3)),
            *((0, 1, 0, 0.4), (2, 0, 0, 0.7), (3, 2, 0, 0.6)),
        ):
            row = links.rows[source, tile]
            state.mask[tile, row, column] = True
            state.weight[tile, row, column] = weight
    return chip


def faults(chip: Network, rows: list[tuple[int, int]], slots: list[int]) -> FaultMap:
    dead, silent = np.zeros(chip.state.mask.shape[:2], dtype=np.bool_), np.zeros(8, dtype=np.bool_)
    for source, tile in rows:
        dead[tile, chip.links.rows[source, tile]] = True
    silent[slots] = True
    return FaultMap(rows=dead, slots=silent, tiles=(), wires={})


OUTPUTS = torch.tensor([4, 6])


@pytest.fixture
def x() -> torch.Tensor:
    return (torch.rand(5, 12, 2, generator=torch.Generator().manual_seed(0)) < 0.6).double()


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_a_dead_row_delivers_nothing_and_a_dead_slot_never_fires(engine: str, x: torch.Tensor) -> None:
    chip, same = network(engine), network(engine)
    sound = chip.run(x, OUTPUTS)
    assert sound.counts[2].sum() > 0
    assert sound.membrane.abs().amax((0, 2)).gt(0).all()
    with torch.no_grad():
        same.state.weight[2, same.links.rows[0, 2]] = 0.0
        same.state.weight[1, :, 0] = 0.0
    chip.strike(faults(chip, [(0, 2)], [2]), known=False)
    struck, expected = chip.run(x, OUTPUTS), same.run(x, OUTPUTS)
    assert torch.equal(struck.counts, expected.counts)
    assert torch.equal(struck.membrane, expected.membrane)
    assert struck.counts[0].sum() == sound.counts[0].sum() > 0
    assert struck.counts[2].sum() == 0
    assert struck.membrane.abs().sum() == 0


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_a_dead_output_says_nothing(engine: str, x: torch.Tensor) -> None:
    chip = network(engine)
    sound = chip.run(x, OUTPUTS).membrane
    chip.strike(faults(chip, [], [4]), known=False)
    struck = chip.run(x, OUTPUTS).membrane
    assert struck[:, 0].abs().sum() == 0
    assert torch.equal(struck[:, 1], sound[:, 1])


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_devices_from_which_nothing_arrives_have_no_gradient(engine: str, x: torch.Tensor) -> None:
    chip = network(engine)
    row = chip.links.rows[0, 2]
    recorded = chip.record(x, OUTPUTS)
    assert recorded.backward(torch.ones_like(recorded.activity.membrane), None)[2, row, 0] != 0
    chip.strike(faults(chip, [(0, 2)], []), known=False)
    recorded = chip.record(x, OUTPUTS)
    gradient = recorded.backward(torch.ones_like(recorded.activity.membrane), None)
    assert gradient[2, row, 0] == 0
    assert gradient[3, chip.links.rows[2, 3], 0] != 0
    chip.run(x, OUTPUTS).membrane.sum().backward()
    assert chip.state.weight.grad is not None
    assert chip.state.weight.grad[2, row, 0] == 0


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_a_probe_goes_back_through_nothing_that_is_dead(engine: str, x: torch.Tensor) -> None:
    """Its gradient, Fisher information and what growth takes from it are those of a chip where dead devices lack."""
    chip, members = network(engine), torch.tensor([0, 2, 4, 6])
    row, own = chip.links.rows[0, 2], chip.links.rows[2, 1]

    def probed() -> Probe:
        return chip.probe(x, OUTPUTS, lambda logits: logits.square().sum(1) + logits.sum(1))

    sound = probed()
    before = sound.gradient.clone()
    assert before[2, row, 0] != 0
    assert before[2, row, 1] == 0  # nobody lives there
    information, trace = diagonal(chip, sound), fisher_trace(chip, sound, members)
    assert [inputs.mask.sum() for inputs in inputs_of(chip, torch.tensor([4, 6]))] == [1, 1]
    chip.strike(faults(chip, [(0, 2), (2, 1)], [6]), known=False)
    struck = probed()
    assert not struck.gradient[2, row].any()
    assert not struck.gradient[1, own].any()
    assert not struck.gradient[3].any()
    assert not struck.adjoints(torch.tensor([6])).any()
    assert struck.asked(members).gradient.equal(struck.gradient)
    found = diagonal(chip, struck)
    assert information[2, row, 0] > 0
    assert not found[2, row].any()
    assert not found[3].any()
    assert 0 <= fisher_trace(chip, struck, members) < trace
    assert [inputs.mask.sum() for inputs in inputs_of(chip, torch.tensor([4, 6]))] == [0, 0]


def test_slots_that_are_known_to_be_dead_are_not_free_nor_those_whose_own_row_is() -> None:
    chip = network("dense")
    assert chip.free_slots([1, 2]) == {1: [3], 2: [5]}
    broken = faults(chip, [], [3])
    broken.rows[2, 1] = True  # the own row of slot 5
    chip.strike(broken, known=False)
    assert chip.free_slots([1, 2]) == {1: [3], 2: [5]}
    chip.strike(broken, known=True)
    assert chip.free_slots([0, 1, 2, 3]) == {0: [], 1: [], 2: [], 3: [7]}


def test_faults_where_nothing_lies_leave_the_weights_as_they_are() -> None:
    chip = network("dense")
    chip.strike(faults(chip, [], [5]), known=False)
    assert chip.reading() is chip.state.weight
