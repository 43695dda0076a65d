from __future__ import annotations

import pytest
import torch

from smalti.model.engines import dense

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")),
]


def test_wiring_of_a_small_table_written_out() -> None:
    """Two tiles of three rows; neuron 0 drives rows 1 and 5, neuron 1 row 3, channel 2 row 0; the others are free."""
    wiring = dense.Wiring.of(torch.tensor([[2, 0, -1], [1, -1, 0]]), neurons=2, channels=1)
    assert wiring.rows.tolist() == [2, 0, 3, 1, 3, 0]
    assert wiring.fan_out.tolist() == [1, 5, 3]
    assert wiring.fan_out_start.tolist() == [0, 2, 3]
    assert (wiring.tiles, wiring.neurons, wiring.channels) == (2, 2, 1)
    rows = torch.arange(6.0).reshape(2, 3, 1)
    assert dense.gather_fan_out(rows, wiring).tolist() == [[6], [3]]


@pytest.mark.parametrize("device", DEVICES)
def test_a_chip_without_links_runs_and_has_no_gradient(device: str) -> None:
    wiring = dense.Wiring.of(torch.full((1, 4), -1, device=device), neurons=2, channels=0)
    assert wiring.fan_out.tolist() == []
    assert dense.gather_fan_out(torch.ones(1, 4, 3, device=device), wiring).tolist() == [[0] * 3] * 2
