from __future__ import annotations

import math

import pytest
import torch

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.kinds import Cell
from smalti.model.neuron import NetworkOptions
from smalti.model.state import ChipState

FABRIC = Fabric(FabricOptions(rows=1, cols=1, neurons_per_tile=3))


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_constants_are_those_of_cells_and_outputs_only_leak(precision: str) -> None:
    options = NetworkOptions(tau_ms=5.0, output_tau_ms=8.0, precision=precision)  # type: ignore[arg-type]
    state = ChipState.empty(FABRIC, options, torch.full((1, 4), -1))
    state.output[1] = True
    for slot in (1, 2):
        state.become(slot, Cell(0, 0.9, 0.8, 0.7, 0.6))
    kept = {name: value.clone() for name, value in state.state_dict().items()}
    expected = [[math.exp(-1 / 5), math.exp(-1 / 8), 0.9], [0, 0, 0.8], [0, 0, 0.7], [0, 0, 0.6]]
    for found, values in zip(state.constants(options), expected, strict=True):
        assert torch.equal(found, torch.tensor(values, dtype=torch.float64).to(options.dtype))
    assert all(torch.equal(value, kept[name]) for name, value in state.state_dict().items())


def test_what_a_state_dict_holds_comes_back() -> None:
    first, second = (ChipState.empty(FABRIC, NetworkOptions(), torch.full((1, 4), -1)) for _ in range(2))
    first.become(2, Cell(1, 0.9, 0.8, 0.7, 0.6))
    second.load_state_dict(first.state_dict())
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())
    assert (int(second.kind[2]), float(second.recovery[2])) == (1, 0.6)
