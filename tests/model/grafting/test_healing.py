from __future__ import annotations

import numpy as np
import torch

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.faults import FaultMap
from smalti.model.grafting.graft import cut
from smalti.model.grafting.healing import relay, remember, speaking, way, write
from smalti.model.network import Network
from smalti.model.neuron import NetworkOptions
from smalti.model.optimiser import Moments


def network() -> tuple[Network, Moments]:
    """Neurons 0 and 1 in tile 0 drive tile 1 by rows 11 and 12, with weights .5 and -.9."""
    chip = Network(
        Fabric(FabricOptions(rows=2, cols=2, neurons_per_tile=2, wires=3, corner_wires=0)), 0, NetworkOptions()
    )
    links, state = chip.links, chip.state
    moments = Moments.fresh(state.weight)
    for slot in (0, 1):
        links.add_local(slot)
        links.add(slot, 1)
    state.alive[[0, 1, 2]] = True
    with torch.no_grad():
        for slot, weight in ((0, 0.5), (1, -0.9)):
            row = links.rows[slot, 1]
            state.mask[1, row, 0], state.weight[1, row, 0] = True, weight
            state.frozen[1, row, 0], moments.count[1, row, 0] = slot == 0, 3.0 + slot
    return chip, moments


def struck(chip: Network, moments: Moments, rows: list[int], known: tuple[torch.Tensor, ...] = ()) -> int:
    """Rows of tile 1 die, which the mapper is told; links laid again, with what else is ``known`` of devices."""
    dead = np.zeros((4, 14), dtype=np.bool_)
    dead[1, rows] = True
    chip.strike(FaultMap(rows=dead, slots=np.zeros(8, dtype=np.bool_), tiles=(), wires={}), known=True)
    silent = chip.links.silent()
    remembered = remember(chip, silent, moments, known)
    cut(chip, silent, moments)
    return relay(chip, remembered, moments, known)


def test_a_link_goes_to_another_row_with_all_its_devices() -> None:
    chip, moments = network()
    assert struck(chip, moments, [11]) == 1
    assert chip.links.rows[0, 1] == 13
    assert chip.state.weight[1, 13].tolist() == [0.5, 0.0]
    assert chip.state.mask[1, 13].tolist() == [True, False]
    assert bool(chip.state.frozen[1, 13, 0])
    assert float(moments.count[1, 13, 0]) == 3.0
    assert not chip.state.mask[1, 11].any()
    assert float(moments.count[1, 11, 0]) == 0.0
    assert float(chip.state.weight[1, 12, 0].detach()) == np.float32(-0.9)


def test_what_a_method_knows_of_devices_goes_along() -> None:
    chip, moments = network()
    fisher = torch.arange(float(chip.state.weight.numel())).view(chip.state.weight.shape)
    before = fisher[1, 11].clone()
    assert struck(chip, moments, [11], (fisher,)) == 1
    assert torch.equal(fisher[1, 13], before)


def test_the_strongest_goes_first_where_there_is_room_for_one() -> None:
    """Of the three rows in the west two die, those in use; corners have no wires, so there is no other way."""
    chip, moments = network()
    assert speaking(chip).tolist() == [True, True] + [False] * 6
    assert struck(chip, moments, [11, 12]) == 1
    assert (chip.links.rows.get((0, 1)), chip.links.rows[1, 1]) == (None, 13)
    assert speaking(chip).tolist() == [False, True] + [False] * 6


def test_a_link_gives_back_the_columns_that_are_asked_for_alone() -> None:
    chip, moments = network()
    chip.state.alive[3] = True
    row = chip.links.rows[0, 1]
    with torch.no_grad():
        chip.state.mask[1, row, 1], chip.state.weight[1, row, 1] = True, 0.25
    (link,) = remember(chip, [(0, 1)], moments)
    assert link.mask.tolist() == [True, True]
    cut(chip, [(0, 1)], moments)
    offer = way(chip, link)
    assert offer is not None
    chip.links.lay(offer)
    write(chip, link, torch.tensor([False, True]), moments)
    assert chip.state.weight[1, chip.links.rows[0, 1]].tolist() == [0.0, 0.25]
    assert chip.state.mask[1, chip.links.rows[0, 1]].tolist() == [False, True]
